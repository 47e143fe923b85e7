"""The track agent: frames of ``tracks`` in; crossings, track events and rejected records out.

Thin around ``Tracker``. A frame is covered by a checkpoint only when everything that follows from
it is stored. While more frames wait, Kafka's word on that is waited for once for several of them: a
round trip for each would cost more than judging it. Input that cannot be used is kept in
``rejected`` and never stops the agent.
"""

import asyncio
from functools import partial
from typing import Any, Final

import structlog

from skyfence.adapters import metrics
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.rejected import BadInputError
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.codec import Decoded, RawMessage, decode_message
from skyfence.frames.frame import Frame
from skyfence.naming import Environment, Topics
from skyfence.policy.policy import Policy
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker
from streams.checkpoint import CheckpointStore
from streams.partition_state import PartitionStates, StateCodec
from streams.sends import PendingSends, headers_of, observed_headers, timestamp_ms

log = structlog.get_logger()

# So many frames are judged at most before all that follows from them must be stored.
_ROUND: Final = 64


class TrackAgent:
    """Judges the messages of the partitions of ``tracks`` that a worker has."""

    def __init__(
        self,
        airspace: Airspace,
        policy: Policy,
        environment: Environment,
        outbox: PendingSends,
        store: CheckpointStore,
    ) -> None:
        self._environment = environment
        self._topics = Topics(environment)
        self._outbox = outbox
        self._turn = asyncio.Lock()
        self._outstanding = 0
        begin = partial(Tracker, airspace, environment, policy)
        self.held = PartitionStates(
            "track", StateCodec(begin, take_snapshot, restore_snapshot), store
        )

    async def take(self, message: Any, *, more: bool = False) -> None:
        """Judge one message; return when all that follows is stored, or before if ``more`` wait."""
        async with self._turn:
            tracker = await self.held.state_for(message.partition, message.offset)
            if tracker is not None:
                await self._take(message, tracker)
                self.held.judged(message.partition, message.offset)
                self._outstanding += 1
            if not more or self._outstanding >= _ROUND:
                await self._settle()

    async def settle(self) -> None:
        """Return when all that follows from what was taken is stored."""
        async with self._turn:
            await self._settle()

    async def _settle(self) -> None:
        if self._outstanding:
            await self._outbox.stored()
            self._outstanding = 0
            self.held.all_stored()

    async def _take(self, message: Any, tracker: Tracker) -> None:
        decoded = await self._decode(message)
        if decoded is None:
            return
        for bad in decoded.bad_rows:
            await self._outbox.reject(message, bad.reason, bad.row)
        facts = await self._judge(message, tracker, decoded.frame)
        metrics.judged(decoded.frame, facts, timestamp_ms(message))
        await self._send(message, facts)

    async def _decode(self, message: Any) -> Decoded | None:
        given = RawMessage(message.key, message.value, headers_of(message), timestamp_ms(message))
        try:
            return decode_message(given, self._environment)
        except BadInputError as error:
            await self._outbox.reject(message, error.reason)
        except Exception:  # noqa: BLE001 - kept and logged
            await self._outbox.failed("decode.failed", message)
        return None

    async def _judge(self, message: Any, tracker: Tracker, frame: Frame) -> FrameResult:
        try:
            return tracker.process(frame)
        except Exception:  # noqa: BLE001 - kept and logged
            await self._outbox.failed("judge.failed", message)
            return tracker.empty_result()

    async def _send(self, message: Any, facts: FrameResult) -> None:
        for crossing in facts.crossings:
            key = f"{crossing.source}/{crossing.track_id}"
            await self._outbox.send(self._topics.crossings, key, crossing.to_json(), {})
        for event in facts.events:
            if isinstance(event, SourceWatermark):
                headers = observed_headers(message, event.time)
                await self._outbox.send(
                    self._topics.track_events, event.key, event.to_json(), headers
                )
                continue
            key = f"{event.source}/{event.track_id}"
            headers = observed_headers(message, event.last_seen)
            await self._outbox.send(self._topics.track_events, key, event.to_json(), headers)
            log.info("track.event", kind=event.kind, track=key, run=event.run)
