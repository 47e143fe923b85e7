"""The track agent: frames of ``tracks`` in; crossings, track events and rejected records out.

    message ──▶ decode ──▶ Tracker ──▶ crossings, track.events
                  └────────────────▶ rejected

Thin around ``Tracker``. A frame is covered by a checkpoint only when everything that follows from
it is stored. While more frames wait, the broker's acknowledgement is awaited once for several of
them: a round trip for each frame would cost more than judging it. Input that cannot be used is kept
in ``rejected`` and never stops the agent.
"""

import asyncio
from functools import partial
from typing import Final

import structlog

from skyfence.adapters import metrics
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.rejected import BadInputError
from skyfence.contracts.track_event import (
    FlightsSighted,
    SourceMistimed,
    SourceWatermark,
    TrackEvent,
    TrackFact,
)
from skyfence.frames.codec import AheadOfArrivalError, Decoded, RawMessage, decode_message
from skyfence.frames.frame import Frame
from skyfence.naming import Environment, Topics
from skyfence.policy.policy import Policy
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.mistimed import MistimedFrames
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker
from streams.arrival_clock import ArrivalClock
from streams.checkpoint import CheckpointStore
from streams.driver.message import KafkaMessage
from streams.log_break import LogBreak
from streams.partition_entry import StateCodec
from streams.partition_state import PartitionStates
from streams.sends import Headers, PendingSends, observed_headers

log = structlog.get_logger()

# At most so many frames are judged before all that follows from them must be stored: a kill has
# that many judged again, beyond those since the last checkpoint.
_FLUSH_EVERY: Final = 64


class TrackAgent:
    """Judges the messages of the partitions of ``tracks`` that a worker has."""

    def __init__(
        self,
        airspace: Airspace,
        policy: Policy,
        environment: Environment,
        sends: PendingSends,
        store: CheckpointStore,
        *,
        arrivals: ArrivalClock,
    ) -> None:
        self._environment = environment
        self._arrivals = arrivals
        self._mistimed = MistimedFrames()
        self._topics = Topics(environment)
        self._sends = sends
        self._lock = asyncio.Lock()  # a message and a flush from outside take turns
        self._unflushed = 0  # messages judged since the last flush
        empty = partial(Tracker, airspace, environment, policy)
        codec = StateCodec(empty, take_snapshot, restore_snapshot, self._tell_break)
        self.states = PartitionStates("track", codec, store)

    async def process(self, message: KafkaMessage, *, more: bool = False) -> None:
        """Judge one message; flush after it, unless ``more`` messages wait and few are unflushed.

        A message that the state covers already is left out. Raise ``KafkaError`` where the broker
        refused something: then no checkpoint covers what was judged since the last flush.
        """
        async with self._lock:
            tracker = await self.states.state_for(message)
            if tracker is not None:
                await self._judge(self._arrivals.dated(message), tracker)
                self.states.mark_judged(message)
                self._unflushed += 1
            if not more or self._unflushed >= _FLUSH_EVERY:
                await self._flush()

    async def compare(self, partition: int, end: int) -> None:
        """Compare a partition's state with its log, as ``PartitionStates.compare`` does."""
        async with self._lock:
            await self.states.compare(partition, end)

    async def flush(self) -> None:
        """Return when all that follows from the messages judged so far is stored."""
        async with self._lock:
            await self._flush()

    async def _flush(self) -> None:
        if self._unflushed:
            await self._sends.flush()
            self._unflushed = 0
            self.states.mark_flushed()

    async def _tell_break(self, log_break: LogBreak) -> None:
        """Keep in ``rejected`` that a log does not go on; precondition: the lock is held."""
        await self._sends.reject_break(log_break)
        self._unflushed += 1
        await self._flush()

    async def _judge(self, message: KafkaMessage, tracker: Tracker) -> None:
        decoded = await self._decode(message)
        if decoded is None:
            return
        metrics.left_out(decoded.left_out)
        for bad in decoded.rejections:
            await self._sends.reject(message, bad.reason, bad.row, bad.count)
        result = await self._track(message, tracker, decoded.frame)
        metrics.judged(decoded.frame, result, message.timestamp_ms)
        await self._send(message, result)
        await self._tell_mistimed(
            message, self._mistimed.judged(decoded.frame, result, message.timestamp_ms)
        )

    async def _decode(self, message: KafkaMessage) -> Decoded | None:
        if message.unread is not None:
            await self._sends.reject(message, message.unread)
            return None
        raw = RawMessage(message.key, message.value, message.headers, message.timestamp_ms)
        try:
            return decode_message(raw, self._environment)
        except AheadOfArrivalError as error:
            await self._sends.reject(message, error.reason)
            await self._tell_mistimed(message, self._mistimed.refused(error, message.timestamp_ms))
        except BadInputError as error:
            await self._sends.reject(message, error.reason)
        except Exception:  # noqa: BLE001 - kept and logged
            await self._sends.reject_for_defect("decode.failed", message)
        return None

    async def _track(self, message: KafkaMessage, tracker: Tracker, frame: Frame) -> FrameResult:
        result = FrameResult(reports=len(frame))
        try:
            for _ in tracker.steps(frame, result):
                await asyncio.sleep(0)  # the incident agent has its turn amid a long frame
        except Exception:  # noqa: BLE001 - kept and logged
            await self._sends.reject_for_defect("judge.failed", message)
            return FrameResult()
        return result

    async def _tell_mistimed(self, message: KafkaMessage, event: SourceMistimed | None) -> None:
        """Say that a source's clock is wrong, if it is."""
        if event is not None:
            headers = observed_headers(message, event.time)
            await self._sends.send(self._topics.track_events, event.key, event.to_json(), headers)
            log.warning("source.mistimed", source=event.key, run=event.run, off_ms=event.off_ms)

    async def _send(self, message: KafkaMessage, result: FrameResult) -> None:
        for crossing in result.crossings:
            key = f"{crossing.source}/{crossing.track_id}"
            await self._sends.send(
                self._topics.crossings, key, crossing.to_json(), {}, cause=message
            )
        for event in result.events:
            if isinstance(event, SourceWatermark | FlightsSighted):
                headers = observed_headers(message, event.time)
                own_key = event.key if isinstance(event, SourceWatermark) else event.source
                await self._send_event(message, own_key, event, headers)
                continue
            key = f"{event.source}/{event.track_id}"
            seen = event.last_seen if isinstance(event, TrackEvent) else event.time
            headers = observed_headers(message, seen)
            await self._send_event(message, key, event, headers)
            log.info("track.event", kind=event.kind, track=key, run=event.run)

    async def _send_event(
        self, message: KafkaMessage, key: str, event: TrackFact, headers: Headers
    ) -> None:
        await self._sends.send(
            self._topics.track_events, key, event.to_json(), headers, cause=message
        )
