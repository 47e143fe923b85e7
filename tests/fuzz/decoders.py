"""What decodes the messages of Kafka and Redis, each with the damaged messages that it is given.

    mail ──▶ judge ──▶ None: decoded;  a reason: rejected

Any other exception is a failure, and so is a refusal without a reason.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from random import Random
from typing import Any, Final, Protocol
from uuid import UUID

from fuzz import mutate, samples
from fuzz.samples import EXERCISE, Mail
from pydantic import ValidationError
from words import ENGLISH

from skyfence.adapters.status_store import StatusStore, read_status
from skyfence.contracts.alert import AlertMessage, PlaceAlert, Timeline
from skyfence.contracts.rejected import BadInputError, Reason, Rejected
from skyfence.contracts.track_event import parse_event
from skyfence.errors import InputError, UnavailableError
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.monitoring.coverage import CoverageMonitor
from skyfence.monitoring.sources import SourceMonitor
from skyfence.monitoring.status import MonitorState, PartitionLag, Tally, to_hash
from skyfence.naming import Topics
from skyfence.operators.public_text import public_alert
from skyfence.policy.policy import Policy
from skyfence.times import from_ms

# What waits for fakes alone ends at once; a hang is a failure.
_LONGEST_S: Final = 10.0
_TRACKS: Final = Topics(EXERCISE).tracks
_EOF: Final = Reason("unreadable", "unreadable json: eof")
# What a parser says, where reasons have no classes: of all that is no message of Kafka.
_NOT_READ: Final = re.compile(
    r"not (TOML|GeoJSON|UTF-8)|unreadable|empty|invalid JSON|not whole|unpacked|holds \d+ bytes"
    r"|flatbuffers|malformed|truncated|trailing|stream",
    re.IGNORECASE,
)
_REJECTIONS: Final = (InputError, ValidationError, UnavailableError)


class Target(Protocol):
    """Something that is given damaged messages."""

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message."""
        ...

    def judge(self, mail: Mail) -> Reason | None:
        """Hand a message over; return why it was rejected, or None."""
        ...

    def begin(self) -> None:
        """Forget all messages so far."""
        ...


@dataclass(frozen=True)
class Decoder:
    """A function that reads a message, or raises why not."""

    make: Callable[[Random, int], Mail]
    read: Callable[[Mail], object]

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message."""
        return self.make(draw, number)

    def judge(self, mail: Mail) -> Reason | None:
        """Read a message; return why it was rejected, or None."""
        try:
            self.read(mail)
        except _REJECTIONS as error:
            return reason_of(error)
        return None

    def begin(self) -> None:
        """Do nothing: a decoder remembers nothing."""


def reason_of(error: Exception) -> Reason:
    """Return why something was refused, and the class of that."""
    if isinstance(error, ValidationError):
        return Reason.of_invalid(error)
    if isinstance(error, BadInputError):
        return error.reason
    return Reason("unreadable" if _NOT_READ.search(str(error)) else "field", str(error))


def complete(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine does that waits for fakes alone, in a task as it has at work."""
    return _loop().run_until_complete(asyncio.wait_for(coroutine, _LONGEST_S))


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def json_mail(documents: Sequence[Any], draw: Random, number: int) -> Mail:
    """Return the n-th of some documents, damaged."""
    return Mail(mutate.json_message(documents[number % len(documents)], draw))


def tracks_mail(draw: Random, number: int, *, arrow: float = 0.5) -> Mail:
    """Return the n-th message of the raid, damaged; each time it is flown is another run."""
    flown, index = divmod(number, len(samples.frames()))
    frame = replace(samples.frames()[index], run=f"run-{flown}")
    as_json = draw.random() >= arrow
    value = _as_json(index, draw) if as_json else mutate.arrow_message(frame.batch, draw)
    mail = samples.as_mail(frame, value, as_json=as_json)
    return _envelope(mail, draw) if draw.random() < 0.1 or not len(frame) else mail


def _as_json(index: int, draw: Random) -> bytes:
    reports: Any = samples.reports_of(index)
    return mutate.json_message(reports[0] if reports and draw.random() < 0.3 else reports, draw)


def _envelope(mail: Mail, draw: Random) -> Mail:
    """Return a message with other headers, another key, or no value."""
    kind = draw.randrange(6)
    if kind == 0:
        return replace(mail, key=draw.choice((None, b"", b"radar/", b"sonar", b"radar/3")))
    if kind == 1 and mail.key:
        return replace(mail, key=mutate.damage(mail.key, draw))
    if kind == 2:
        return replace(mail, value=draw.choice((None, b"", b"[]", b"{}")))
    at = draw.randrange(len(mail.headers))
    name, value = mail.headers[at]
    if kind == 3:
        other = [(name, mutate.damage(value, draw))]
    else:
        near = mutate.near(value.decode(), draw).encode()
        other = [] if kind == 4 else [(name, near)]
    return replace(mail, headers=(*mail.headers[:at], *other, *mail.headers[at + 1 :]))


def message_of(mail: Mail) -> RawMessage:
    """Return a message of ``tracks`` as the decoder takes it."""
    return RawMessage(mail.key, mail.value, dict(mail.headers), mail.timestamp_ms)


def _read_tracks(mail: Mail) -> None:
    decoded = decode_message(message_of(mail), EXERCISE)
    if decoded.bad_rows and not len(decoded.frame):
        first = decoded.bad_rows[0].reason
        raise BadInputError(first.reason_class, first.text)


def _read_alert(mail: Mail) -> None:
    """Read what a subscriber is sent; what the public may hear of it is made of that."""
    message = AlertMessage.model_validate_json(mail.value or b"")
    if isinstance(message.alert, PlaceAlert):
        public_alert(message.alert, {}, ENGLISH.public)


def _alert_messages() -> list[Any]:
    line = Timeline(observed=from_ms(mail_ms := Mail(None).timestamp_ms), decided=from_ms(mail_ms))
    return samples.documents(
        tuple(AlertMessage(alert=alert, timeline=line) for alert in samples.told().alerts)
    )


@dataclass
class _Kept:
    """A message of Kafka, as ``Rejected`` keeps it."""

    value: bytes | None
    key: bytes | None = b"radar"
    topic: str = _TRACKS
    partition: int = 0
    offset: int = 7


def _rejected_messages() -> list[Any]:
    kept = [Rejected.of(_Kept(b"{"), Mail(None).timestamp_ms, _EOF, row) for row in (None, 3)]
    return samples.documents(tuple(kept))


class FakeRedis:
    """Holds a value and a hash, and runs no script."""

    def __init__(
        self, value: bytes | None = None, fields: dict[bytes, bytes] | None = None
    ) -> None:
        self._value, self._fields = value, fields or {}

    async def get(self, _: str) -> bytes | None:
        return self._value

    async def hgetall(self, _: str) -> dict[bytes, bytes]:
        return self._fields

    def register_script(self, _: str) -> None: ...


def _watched() -> tuple[MonitorState, dict[str, bytes]]:
    """Return what the monitor remembers of the raid, and what it shows."""
    feeds, tally = SourceMonitor(EXERCISE, Policy(), {}, ENGLISH.feed), Tally(MonitorState())
    now_ms = Mail(None).timestamp_ms
    for event in samples.told().events:
        if event.kind == "clock":
            feeds.hear(event, now_ms, 0, now_ms)
    for alert in samples.told().alerts:
        tally.take_alert(alert, now_ms)
    tally.take_rejected(Rejected.of(_Kept(b"{"), now_ms, _EOF))
    lag = PartitionLag(group="g", topic=_TRACKS, partition=0, messages=3, done_to=from_ms(now_ms))
    feeds.judge(now_ms + 90_000, now_ms, {0: now_ms + 90_000})
    coverage = CoverageMonitor({"AA": "nation"}, {})
    coverage.judge(now_ms + 90_000, feeds.covered)
    status = tally.status(EXERCISE, now_ms + 90_000, feeds, coverage, (lag,))
    return tally.state(feeds, coverage, {_TRACKS: {0: 7}}), to_hash(status)


def _status_mail(fields: dict[str, bytes], draw: Random, _: int) -> Mail:
    """Return a status with one field damaged, or without it."""
    name = draw.choice(list(fields))
    changed = dict(fields)
    how = draw.random()
    if how < 0.1:
        del changed[name]
    elif how < 0.2:
        changed[mutate.near(name, draw)] = changed.pop(name)
    elif changed[name].startswith(b"{"):
        changed[name] = mutate.json_message(samples.document(changed[name]), draw)
    else:
        changed[name] = mutate.text_message(changed[name].decode(), draw)
    return Mail(None, None, tuple(changed.items()))


def _read_status(mail: Mail) -> None:
    fields = {name.encode(): value for name, value in mail.headers}
    complete(read_status(FakeRedis(fields=fields), EXERCISE))  # type: ignore[arg-type]


def _read_memory(mail: Mail) -> None:
    redis: Any = FakeRedis(mail.value)
    complete(StatusStore(redis, EXERCISE, UUID(int=0)).memory())


def _events() -> Decoder:
    documents = samples.documents(samples.told().events)
    return Decoder(partial(json_mail, documents), lambda mail: parse_event(mail.value or b""))


def _rejected() -> Decoder:
    read = Rejected.model_validate_json
    return Decoder(partial(json_mail, _rejected_messages()), lambda mail: read(mail.value or b""))


def _memory() -> Decoder:
    return Decoder(partial(json_mail, samples.documents((_watched()[0],))), _read_memory)


DECODERS: Final[dict[str, Callable[[], Target]]] = {
    "arrow frames": lambda: Decoder(partial(tracks_mail, arrow=1.0), _read_tracks),
    "json reports": lambda: Decoder(partial(tracks_mail, arrow=0.0), _read_tracks),
    "track events": _events,
    "alert messages": lambda: Decoder(partial(json_mail, _alert_messages()), _read_alert),
    "rejected records": _rejected,
    "status": lambda: Decoder(partial(_status_mail, _watched()[1]), _read_status),
    "status memory": _memory,
}
