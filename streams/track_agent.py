"""The track agent: frames of ``tracks`` in; crossings, track events and rejected records out.

    message ──▶ decode ──▶ Tracker ──▶ crossings, track.events
                  └────────────────▶ rejected

Thin around ``Tracker``. A frame is covered by a checkpoint only when everything that follows from
it is stored. While more frames of a partition wait, the broker's acknowledgement is awaited once
for several of them: a round trip for each frame would cost more than judging it. Partitions are
judged beside one another, in turns of some milliseconds. Input that cannot be used is kept in
``rejected`` and never stops the agent.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
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
from skyfence.frames.codec import AheadOfArrivalError, Decoded, RawMessage, decoding
from skyfence.frames.frame import Frame
from skyfence.frames.signature import FrameVerifier
from skyfence.naming import Environment, Topics
from skyfence.policy.policy import Policy
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.mistimed import MistimedFrames
from skyfence.tracks.snapshot import restore_snapshot, taking_snapshot
from skyfence.tracks.tracker import Tracker
from streams.arrival_clock import ArrivalClock
from streams.checkpoint import CheckpointStore
from streams.driver.message import KafkaMessage
from streams.event_pace import EventPace
from streams.log_break import LogBreak
from streams.partition_entry import StateCodec
from streams.partition_state import PartitionStates
from streams.sends import Headers, PendingSends, observed_headers
from streams.turns import Turns

log = structlog.get_logger()

# At most so many frames of a partition are judged before all that follows from them must be stored:
# a kill has that many judged again, beyond those since the last checkpoint.
_FLUSH_EVERY: Final = 64


@dataclass
class _Partition:
    """What is judged of a partition, and not yet stored."""

    sends: PendingSends
    unflushed: int = 0  # messages judged since the last flush
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # a message and what others ask for


class TrackAgent:
    """Judges the messages of the partitions of ``tracks`` that a worker has.

    ``new_sends`` returns one for a partition, so that none waits for what another has sent.
    No event is sent before its partition is ready at the ``pace``.
    """

    def __init__(
        self,
        airspace: Airspace,
        policy: Policy,
        environment: Environment,
        new_sends: Callable[[], PendingSends],
        store: CheckpointStore,
        *,
        arrivals: ArrivalClock,
        signing_keys: Mapping[str, Sequence[bytes]] = MappingProxyType({}),
        turns: Turns | None = None,
        pace: EventPace | None = None,
    ) -> None:
        self._environment = environment
        self._arrivals = arrivals
        self._mistimed = MistimedFrames()
        self._topics = Topics(environment)
        keys = {source: signing_keys.get(source, ()) for source in policy.signing_sources}
        self._verifier = FrameVerifier(self._topics.tracks, keys)
        self._new_sends = new_sends
        self._turns = turns or Turns()
        self._pace = pace or EventPace()
        self._partitions: dict[int, _Partition] = {}
        empty = partial(Tracker, airspace, environment, policy)
        codec = StateCodec(empty, taking_snapshot, restore_snapshot, self._tell_break)
        self.states = PartitionStates("track", codec, store, self._turns)

    async def process(self, message: KafkaMessage, *, more: bool = False) -> None:
        """Judge one message; flush after it, unless ``more`` messages wait and few are unflushed.

        A message that the state covers already is left out. Raise ``KafkaError`` where the broker
        refused something: then no checkpoint covers what was judged since the last flush.
        """
        number, partition = message.partition, self._partition(message.partition)
        async with partition.lock:
            tracker = await self.states.state_for(message)
            if tracker is not None:
                await self._judge(self._arrivals.dated(message), tracker, partition.sends)
                self.states.mark_judged(message)
                partition.unflushed += 1
            if not more or partition.unflushed >= _FLUSH_EVERY:
                await self._flush(number, partition)
            await self._turns.give_way()

    async def compare(self, partition: int, end: int) -> None:
        """Compare a partition's state with its log, as ``PartitionStates.compare`` does."""
        async with self._partition(partition).lock:
            await self.states.compare(partition, end)

    async def flush(self) -> None:
        """Return when all that follows from the messages judged so far is stored.

        A message that is being judged is judged first.
        """
        await asyncio.gather(*map(self._flush_locked, list(self._partitions)))

    async def flush_idle(self) -> None:
        """Do so for the partitions of which no message is being judged."""
        idle = [number for number, held in self._partitions.items() if not held.lock.locked()]
        await asyncio.gather(*map(self._flush_locked, idle))

    def _partition(self, number: int) -> _Partition:
        if number not in self._partitions:
            self._partitions[number] = _Partition(self._new_sends())
        return self._partitions[number]

    async def _flush_locked(self, number: int) -> None:
        partition = self._partitions[number]
        async with partition.lock:
            await self._flush(number, partition)

    async def _flush(self, number: int, partition: _Partition) -> None:
        if partition.unflushed:
            await partition.sends.flush()
            partition.unflushed = 0
            self.states.mark_flushed(number)

    async def _tell_break(self, log_break: LogBreak) -> None:
        """Keep in ``rejected`` that a log does not go on; precondition: its lock is held."""
        number = log_break.partition.partition
        partition = self._partition(number)
        await partition.sends.reject_break(log_break)
        partition.unflushed += 1
        await self._flush(number, partition)

    async def _judge(self, message: KafkaMessage, tracker: Tracker, sends: PendingSends) -> None:
        decoded = await self._decode(message, sends)
        if decoded is None:
            return
        metrics.left_out(decoded.left_out)
        for bad in decoded.rejections:
            await sends.reject(message, bad.reason, bad.row, bad.count)
        result = await self._track(message, tracker, decoded.frame, sends)
        for reason in result.refused:
            await sends.reject(message, reason)
        metrics.judged(decoded.frame, result, message.timestamp_ms)
        await self._send(message, result, sends)
        mistimed = self._mistimed.judged(decoded.frame, result, message.timestamp_ms)
        await self._tell_mistimed(message, mistimed, sends)

    async def _decode(self, message: KafkaMessage, sends: PendingSends) -> Decoded | None:
        if message.unread is not None:
            await sends.reject(message, message.unread)
            return None
        raw = RawMessage(message.key, message.value, message.headers, message.timestamp_ms)
        try:
            self._verifier.check(message.key, message.value, message.headers)
            return await self._turns.work_off(decoding(raw, self._environment))
        except AheadOfArrivalError as error:
            await sends.reject(message, error.reason)
            mistimed = self._mistimed.refused(error, message.timestamp_ms)
            await self._tell_mistimed(message, mistimed, sends)
        except BadInputError as error:
            await sends.reject(message, error.reason)
        except Exception:  # noqa: BLE001 - kept and logged
            await sends.reject_for_defect("decode.failed", message)
        return None

    async def _track(
        self, message: KafkaMessage, tracker: Tracker, frame: Frame, sends: PendingSends
    ) -> FrameResult:
        result = FrameResult(reports=len(frame))
        try:
            await self._turns.work_off(tracker.steps(frame, result))
        except Exception:  # noqa: BLE001 - kept and logged
            await sends.reject_for_defect("judge.failed", message)
            return FrameResult()
        return result

    async def _tell_mistimed(
        self, message: KafkaMessage, event: SourceMistimed | None, sends: PendingSends
    ) -> None:
        """Say that a source's clock is wrong, if it is."""
        if event is not None:
            headers = observed_headers(message, event.time)
            await sends.send(self._topics.track_events, event.key, event.to_json(), headers)
            self._pace.note_sent(message.partition)
            log.warning("source.mistimed", source=event.key, run=event.run, off_ms=event.off_ms)

    async def _send(self, message: KafkaMessage, result: FrameResult, sends: PendingSends) -> None:
        for crossing in result.crossings:
            key = f"{crossing.source}/{crossing.track_id}"
            await sends.send(self._topics.crossings, key, crossing.to_json(), {}, cause=message)
            await self._turns.give_way()
        for event in result.events:
            await self._turns.give_way()
            if isinstance(event, SourceWatermark | FlightsSighted):
                headers = observed_headers(message, event.time)
                own_key = event.key if isinstance(event, SourceWatermark) else event.source
                await self._send_event(message, own_key, event, headers, sends)
                continue
            key = f"{event.source}/{event.track_id}"
            seen = event.last_seen if isinstance(event, TrackEvent) else event.time
            headers = observed_headers(message, seen)
            await self._send_event(message, key, event, headers, sends)
            log.info("track.event", kind=event.kind, track=key, run=event.run)

    async def _send_event(
        self,
        message: KafkaMessage,
        key: str,
        event: TrackFact,
        headers: Headers,
        sends: PendingSends,
    ) -> None:
        await self._pace.ready(message.partition)
        await sends.send(self._topics.track_events, key, event.to_json(), headers, cause=message)
        self._pace.note_sent(message.partition)
