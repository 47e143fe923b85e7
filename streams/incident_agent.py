"""The incident agent: track events in, alerts out, keyed by place or incident.

Thin around ``AlertDecisions``. ``track.events`` has one partition, so that one agent sees
everything. An event is covered by a checkpoint only when its alerts are stored. While more events
wait, the broker's acknowledgement is awaited once for several of them, as the track agent does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

import structlog
from pydantic import ValidationError

from skyfence.adapters import metrics
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.judging import JUDGED_KEY, JudgedPartitions
from skyfence.contracts.rejected import Reason
from skyfence.contracts.short_alert import in_short
from skyfence.contracts.track_event import TrackTopicEvent, parse_event
from skyfence.incidents import snapshot
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.incident import Bias
from skyfence.incidents.lost_state import LastMessages, end_open_chains, keep_last
from skyfence.naming import Environment, Topics
from skyfence.steps import Steps
from skyfence.texts.tables import OperatorTexts
from skyfence.times import from_ms
from streams.checkpoint import CheckpointStore
from streams.driver.message import KafkaMessage
from streams.judging import JudgingProgress
from streams.log_break import LogBreak
from streams.partition_entry import StateCodec
from streams.partition_state import PartitionStates
from streams.sends import Headers, PendingSends, decided_headers, origin_of
from streams.turns import Turns

log = structlog.get_logger()

# At most so many events are decided on before their alerts must be stored (``track_agent``).
_FLUSH_EVERY: Final = 64
_NO_NATIONS: Final[Mapping[str, str]] = {}
_NO_BIASES: Final[Mapping[str, Bias]] = {}


class IncidentAgent:
    """Decides on alerts from the events of tracks, for the one partition of ``track.events``.

    ``names`` are the places' names for people, by region, nation or alliance; ``nations`` names the
    nation of each region, ``biases`` are those of sources that the policy names. ``stored_alerts``
    reads what stands in ``alerts``, for a state that was lost. With ``judging`` it says until when
    everything has been judged.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        texts: OperatorTexts,
        environment: Environment,
        sends: PendingSends,
        store: CheckpointStore,
        *,
        nations: Mapping[str, str] = _NO_NATIONS,
        biases: Mapping[str, Bias] = _NO_BIASES,
        stored_alerts: Callable[[], AsyncIterator[Alert | PlaceAlert]],
        judging: JudgingProgress | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._environment = environment
        self._texts = texts.abandoned
        self._topics = Topics(environment)
        self._sends = sends
        self._stored_alerts = stored_alerts
        self._judging = judging
        self._empty = partial(
            AlertDecisions, environment, names, texts, nations=nations, biases=biases
        )
        self._turns = turns or Turns()
        self._unflushed = 0  # messages decided on since the last flush
        self._lock = asyncio.Lock()  # a message and a comparison from outside take turns
        codec = StateCodec(self._empty, _pack, _restore, self._tell_break, self._recover)
        self.states = PartitionStates("incident", codec, store, self._turns)

    async def process(self, message: KafkaMessage, *, more: bool = False) -> None:
        """Decide on one message; flush, unless ``more`` messages wait and few are unflushed.

        A message that the state covers already is left out. Raise ``KafkaError`` where the broker
        refused an alert: then no checkpoint covers what was decided since the last flush.
        """
        async with self._lock:
            decisions = await self.states.state_for(message)
            if decisions is not None:
                await self._take(message, decisions)
                self.states.mark_judged(message)
                self._unflushed += 1
            if self._unflushed and (not more or self._unflushed >= _FLUSH_EVERY):
                await self._sends.flush()
                self._unflushed = 0
                self.states.mark_flushed(message.partition)
            await self._turns.give_way()

    async def compare(self, partition: int, end: int) -> None:
        """Compare a partition's state with its log, as ``PartitionStates.compare`` does."""
        async with self._lock:
            await self.states.compare(partition, end)

    async def _tell_break(self, log_break: LogBreak) -> None:
        """Keep in ``rejected`` that the log of track events does not go on."""
        await self._sends.reject_break(log_break)
        await self._sends.flush()

    async def _take(self, message: KafkaMessage, decisions: AlertDecisions) -> None:
        if message.unread is not None:
            await self._sends.reject(message, message.unread)
            return
        try:
            event = _read(message)
        except ValidationError as error:
            await self._sends.reject(message, Reason.of_invalid(error))
        else:
            if isinstance(event, JudgedPartitions):
                await self._tell_judged(event, decisions.undecided_runs)
            else:
                await self._decide(message, decisions, event)

    async def _tell_judged(self, event: JudgedPartitions, undecided_runs: int) -> None:
        """Say until when everything has been judged: what came before is decided and stored."""
        judged = None if self._judging is None else self._judging.take(event, undecided_runs)
        if judged is not None:
            await self._sends.flush()
            await self._sends.send(self._topics.judged, JUDGED_KEY, judged.to_json(), {})

    async def _decide(
        self, message: KafkaMessage, decisions: AlertDecisions, event: TrackTopicEvent
    ) -> None:
        headers = decided_headers(message, round(time.time() * 1000))
        for alert in await self._alerts(message, decisions, event):
            await self._send(alert, headers, cause=message)
            metrics.decided(alert, headers)
            chain = str(alert.incident_id)
            log.info("alert.decided", channel=alert.channel, step=alert.step, incident=chain)

    async def _send(
        self, alert: Alert | PlaceAlert, headers: Headers, cause: KafkaMessage | None = None
    ) -> None:
        await self._sends.send(
            self._topics.alerts,
            key_of(alert),
            alert.to_json(),
            headers,
            cause=cause,
            short=lambda: in_short(alert).to_json(),
        )

    async def _alerts(
        self, message: KafkaMessage, decisions: AlertDecisions, event: TrackTopicEvent
    ) -> list[Alert | PlaceAlert]:
        try:
            return decisions.process(event, origin_of(message))
        except Exception:  # noqa: BLE001 - kept and logged
            await self._sends.reject_for_defect("tell.failed", message)
            return []

    async def _recover(self) -> AlertDecisions:
        """End every chain that stands open in ``alerts``; return what to go on with.

        Broken off anywhere, it ends the rest when it is called again: which chains have ended is
        read from ``alerts``, and the state is saved only when all Cancels are stored there.
        """
        last: LastMessages = {}
        async for stored in self._stored_alerts():
            keep_last(last, stored)
        now_ms = round(time.time() * 1000)
        state, cancels = end_open_chains(last, self._environment, self._texts, from_ms(now_ms))
        headers = {"decided": str(now_ms).encode()}
        for alert in cancels:
            await self._send(alert, headers)
            metrics.decided(alert, headers)
            chain = str(alert.incident_id)
            log.error("incident.abandoned", channel=alert.channel, incident=chain)
        await self._sends.flush()
        decisions = self._empty()
        decisions.state = state
        return decisions


def _read(message: KafkaMessage) -> TrackTopicEvent | JudgedPartitions:
    """Read a message of ``track.events``; raise pydantic's ``ValidationError``."""
    value = message.value or b""
    is_judged = message.key == JUDGED_KEY.encode()
    return JudgedPartitions.model_validate_json(value) if is_judged else parse_event(value)


def _pack(decisions: AlertDecisions) -> Steps[bytes]:
    yield
    return snapshot.take_snapshot(decisions.state)


def _restore(decisions: AlertDecisions, state: bytes) -> None:
    decisions.state = snapshot.restore_snapshot(state)


def key_of(alert: Alert | PlaceAlert) -> str:
    """Return the key of an alert's message: what has one key arrives in order.

    That is an incident's chain, and all episodes of a place: a new one must not be heard of before
    the all-clear of the last.
    """
    if isinstance(alert, PlaceAlert):
        return f"{alert.run}/{alert.place}"
    return str(alert.incident_id)
