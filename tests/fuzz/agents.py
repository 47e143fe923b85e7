"""The agents with damaged messages: nothing is lost, and nothing stops them.

    mail ──▶ the agent, on a Kafka made of lists ──▶ what it sent     ─┐
        └──▶ decoder and engine alone ─────────────▶ what must follow ─┴▶ the same, in this order

So each message is judged or stands in ``rejected`` with its offset and reason, and the agent's
offset has moved past it. What the agent wrote is read as its readers read it. Now and then an agent
is killed: the next one goes on from the last checkpoint, is handed the same messages again, and
must not have lost or changed anything. No message costs more than its size allows (``costs``).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise
from random import Random
from typing import Any, Final, cast

from builders import T0_MS
from fuzz import samples
from fuzz.costs import Costs
from fuzz.decoders import json_mail, message_of, tracks_mail
from fuzz.kept import FakeApp
from fuzz.samples import EXERCISE, Mail
from pydantic import ValidationError
from words import ENGLISH

from skyfence.contracts.alert import Alert, parse_alert
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.rejected import BadInputError, Reason, Rejected
from skyfence.contracts.track_event import parse_event
from skyfence.frames.codec import decode_message
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Topics
from skyfence.tracks.tracker import Tracker
from streams.arrival_clock import ArrivalClock
from streams.checkpoint import Checkpoint, CheckpointStore
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage
from streams.incident_agent import IncidentAgent
from streams.sends import PendingSends
from streams.track_agent import TrackAgent

TOPICS: Final = Topics(EXERCISE)
# State grows with what is decoded; beginning anew keeps a run short.
_ANEW_EVERY: Final = 3_000
# What a reason must never be counted as: ours to mend, or a class that is missing.
_UNCLEAR: Final = ("defect", "other")
# Once in so many messages, on average, a checkpoint is written, and an agent killed.
_CHECKPOINT: Final = 50
_LIFE: Final = 200
# How often the track agent is told that more frames wait.
_MORE: Final = 0.5
_READERS: Final[dict[str, Callable[[bytes], object]]] = {
    TOPICS.crossings: Crossing.model_validate_json,
    TOPICS.track_events: parse_event,
    TOPICS.alerts: parse_alert,
    TOPICS.rejected: Rejected.model_validate_json,
}
# A message that was sent: its topic and value.
Sent = tuple[str, bytes]


def kafka_message(mail: Mail, topic: str, offset: int) -> KafkaMessage:
    """Return a mail as it stands in the first partition of a topic."""
    return KafkaMessage(
        topic=topic,
        partition=0,
        offset=offset,
        timestamp_ms=mail.timestamp_ms,
        is_broker_time=True,
        key=mail.key,
        value=mail.value,
        headers=dict(mail.headers),
    )


@dataclass
class _Topic:
    name: str
    sent: list[Sent]

    async def send(self, *, key: bytes, value: bytes, headers: Any) -> "asyncio.Future[None]":
        self.sent.append((self.name, value))
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


@dataclass
class _App(FakeApp):
    """An app whose topics keep what was sent to them."""

    sent: list[Sent] = field(default_factory=list)

    def output_topic(self, name: str) -> Any:
        return _Topic(name, self.sent)


async def no_alerts() -> AsyncIterator[Alert]:
    """Yield what an empty topic of alerts holds."""
    empty: tuple[Alert, ...] = ()
    for alert in empty:
        yield alert


@dataclass
class _Store:
    """Keeps a partition's last checkpoint as Kafka would."""

    last: Checkpoint | None = None

    async def committed_name(self, _: int) -> str:
        return self.last.name if self.last else ""

    async def load(self, _: int, name: str) -> Checkpoint | None:
        return self.last if name else None

    async def find_break(self, *_: Any) -> None:
        return None

    async def first_message(self, _: int, start: int) -> int:
        """Return the offset itself: no message is missing."""
        return start

    async def save(self, _: int, next_offset: int, __: int | None, state: bytes) -> str:
        self.last = Checkpoint(state, next_offset, f"checkpoint {next_offset}")
        return self.last.name


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


class Agent:
    """One agent beside the engine alone; what differs is for those who inherit."""

    topic: str

    def __init__(self) -> None:
        self._loop = _loop()
        self.begin()

    def begin(self) -> None:
        """Begin with an empty topic, and nothing remembered."""
        self._app, self._store, self._draw = _App(), _Store(), Random(0)
        self._costs = Costs()
        self._offset, self._uncommitted = 0, dict[int, tuple[Mail, list[Sent]]]()
        self._agent = self.new_agent()
        self.begin_engine()

    def new_agent(self) -> Any:
        """Return an agent that goes on from the last checkpoint."""
        raise NotImplementedError

    def begin_engine(self) -> None:
        """Forget what the engine beside it remembers."""
        raise NotImplementedError

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message."""
        raise NotImplementedError

    def expected(
        self, mail: Mail
    ) -> tuple[Reason | None, list[Sent], list[tuple[int | None, Reason]]]:
        """Return why a message must be rejected, what must follow, and which rows are left out."""
        raise NotImplementedError

    def judge(self, mail: Mail) -> Reason | None:
        """Hand a message to the agent; return why it was rejected, or None."""
        if self._offset == _ANEW_EVERY:
            self.begin()
        if self._draw.random() < 1 / _LIFE:
            self._kill()
        reason, follows, rows = self.expected(mail)
        began_s = time.process_time()
        sent = self._deliver(mail, self._offset)
        self._note_cost(mail, time.process_time() - began_s, sent)
        self._check(sent, rows if reason is None else [(None, reason)], follows)
        self._uncommitted[self._offset] = mail, sent
        self._offset += 1
        if self._draw.random() < 1 / _CHECKPOINT:
            self.save()
        return reason

    def save(self) -> None:
        """Write a checkpoint."""
        self._flush()
        self._loop.run_until_complete(self._agent.states.save_all())
        self._uncommitted.clear()
        if self._store.last is not None:
            self._costs.check_kept(len(self._store.last.state))

    def _note_cost(self, mail: Mail, cpu_s: float, sent: list[Sent]) -> None:
        told = sum(len(value) for topic, value in sent if topic != TOPICS.rejected)
        rejected = sum(len(value) for topic, value in sent if topic == TOPICS.rejected)
        self._costs.check(mail, cpu_s, told=told, rejected=rejected)

    def _deliver(self, mail: Mail, offset: int) -> list[Sent]:
        """Hand a message over, and again; return what the agent sent."""
        message = kafka_message(mail, self.topic, offset)
        self._app.sent.clear()
        self._hand_over(message)
        sent = list(self._app.sent)
        for _, value in sent:
            assert value, "sent nothing as a message"
        self._app.sent.clear()
        self._hand_over(message)
        assert not self._app.sent, f"offset {offset} was not covered: it was judged again"
        return sent

    def _hand_over(self, message: KafkaMessage) -> None:
        self._loop.run_until_complete(self._agent.process(message))

    def _flush(self) -> None:
        """Have the agent wait for what it has sent."""

    def _check(
        self, sent: list[Sent], left_out: list[tuple[int | None, Reason]], follows: list[Sent]
    ) -> None:
        kept = [_READERS[topic](value) for topic, value in sent]
        rejected = [record for record in kept if isinstance(record, Rejected)]
        reasons = [Reason(record.reason_class, record.reason) for record in rejected]
        rows = [record.row for record in rejected]
        assert list(zip(rows, reasons, strict=True)) == left_out
        origins = {(record.topic, record.offset) for record in rejected}
        assert origins <= {(self.topic, self._offset)}
        unclear = [reason for reason in reasons if reason.reason_class in _UNCLEAR]
        assert not unclear, unclear
        stored = [message for message in sent if message[0] != TOPICS.rejected]
        assert _without_ticks(stored) == _without_ticks(follows)

    def _kill(self) -> None:
        """Let another agent take over, to whom Kafka hands out again what was not committed."""
        self._agent = self.new_agent()
        committed = self._store.last.next_offset if self._store.last else 0
        for offset, (mail, sent) in self._uncommitted.items():
            again = self._deliver(mail, offset)
            before = sent if offset >= committed else []
            assert _without_ticks(again) == _without_ticks(before), f"offset {offset} differs"


_MISTIMED: Final = b'{"kind":"mistimed"'


def _without_ticks(sent: list[Sent]) -> list[Sent]:
    """Leave out the clocks that the same source's next one follows at once: they say nothing.

    A tracker that came from a checkpoint has forgotten when it looked at a timer in vain. And leave
    out that a source's clock is wrong: that hangs on when its messages came, and is no tracker's.
    """
    sent = [(topic, value) for topic, value in sent if not value.startswith(_MISTIMED)]
    clocks = [value.startswith(b'{"kind":"clock"') for _, value in sent]
    followed = [*(clock and after for clock, after in pairwise(clocks)), False]
    return [
        message for message, says_nothing in zip(sent, followed, strict=False) if not says_nothing
    ]


class Tracks(Agent):
    """The track agent."""

    topic = TOPICS.tracks

    def new_agent(self) -> TrackAgent:
        """Return an agent that goes on from the last checkpoint."""
        app, store = cast("CheckpointingApp", self._app), cast("CheckpointStore", self._store)
        sends = partial(PendingSends, app, TOPICS)
        arrivals = ArrivalClock(lambda: T0_MS)
        return TrackAgent(
            samples.airspace(), samples.policy(), EXERCISE, sends, store, arrivals=arrivals
        )

    def _hand_over(self, message: KafkaMessage) -> None:
        more = self._draw.random() < _MORE
        self._loop.run_until_complete(self._agent.process(message, more=more))

    def _flush(self) -> None:
        self._loop.run_until_complete(self._agent.flush())

    def begin_engine(self) -> None:
        """Forget what the engine beside it remembers."""
        self._engine = Tracker(samples.airspace(), EXERCISE, samples.policy())

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message."""
        return tracks_mail(draw, number)

    def expected(
        self, mail: Mail
    ) -> tuple[Reason | None, list[Sent], list[tuple[int | None, Reason]]]:
        """Return why a message must be rejected, what must follow, and which rows are left out."""
        try:
            decoded = decode_message(message_of(mail), EXERCISE)
        except BadInputError as error:
            return error.reason, [], []
        facts = self._engine.process(decoded.frame)
        follows = [(TOPICS.crossings, crossing.to_json()) for crossing in facts.crossings]
        follows += [(TOPICS.track_events, event.to_json()) for event in facts.events]
        return None, follows, [(bad.row, bad.reason) for bad in decoded.rejections]


class Incidents(Agent):
    """The incident agent."""

    topic = TOPICS.track_events

    def __init__(self) -> None:
        self._events = samples.documents(samples.told().events)
        self._names = samples.names()
        super().__init__()

    def new_agent(self) -> IncidentAgent:
        """Return an agent that goes on from the last checkpoint."""
        app, store = cast("CheckpointingApp", self._app), cast("CheckpointStore", self._store)
        sends = PendingSends(app, TOPICS)
        return IncidentAgent(
            self._names, ENGLISH.operators, EXERCISE, sends, store, stored_alerts=no_alerts
        )

    def begin_engine(self) -> None:
        """Forget what the engine beside it remembers."""
        self._engine = AlertDecisions(EXERCISE, self._names, ENGLISH.operators)

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message; each time the raid is flown is another run."""
        flown, index = divmod(number, len(self._events))
        return json_mail([self._events[index] | {"run": f"run-{flown}"}], draw, 0)

    def expected(
        self, mail: Mail
    ) -> tuple[Reason | None, list[Sent], list[tuple[int | None, Reason]]]:
        """Return why a message must be rejected, and which alerts must follow."""
        try:
            event = parse_event(mail.value or b"")
        except ValidationError as error:
            return Reason.of_invalid(error), [], []
        alerts = [(TOPICS.alerts, alert.to_json()) for alert in self._engine.process(event)]
        return None, alerts, []


AGENTS: Final[dict[str, Callable[[], Any]]] = {
    "track agent": Tracks,
    "incident agent": Incidents,
}
