"""Kafka messages of ``tracks`` to frames and back: Arrow, JSON lists and single JSON reports.

A message that cannot be used raises ``BadInputError``; a bad report in a good message is left out
and returned beside the frame with its reason. No I/O: what the broker knows of the message (its
timestamp) arrives as data.

    headers (all optional)   content-type  application/vnd.apache.arrow.stream | application/json
                             run           live (default) or a replay's own id
                             scan-time     milliseconds since 1970; needed when there is no report
                             last          1 on the frame that ends a finite source, such as a
                                           replay; a live one is not ended by who may write to it
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from skyfence.contracts.base import RunName, SourceName
from skyfence.contracts.rejected import BadInputError, Reason
from skyfence.frames import arrow_stream, column_checks, json_reports
from skyfence.frames.frame import LIVE_RUN, Frame, source_of
from skyfence.naming import Environment
from skyfence.steps import Steps, result_of
from skyfence.times import LATEST_MS, format_time, from_ms

JSON_CONTENT_TYPE: Final = "application/json"
# How far a sensor's clock may run ahead of the broker's. Radars without GPS time are wrong by
# seconds. When a clock that is ahead is put right, as much of its source is late.
MAX_AHEAD_MS: Final = 30_000
# A frame's first bad reports say what is wrong with its sender; a rejected record for each of
# 10,000 would take longer than judging them.
_MOST_ROWS: Final = 5
KEY_HINT: Final = "kcat: -k SOURCE -X partitioner=murmur2_random"

_SOURCE: TypeAdapter[str] = TypeAdapter(SourceName)
_RUN: TypeAdapter[str] = TypeAdapter(RunName)


@dataclass(frozen=True)
class RawMessage:
    """A message of ``tracks`` as the broker hands it out; ``arrived_ms`` is when it got there."""

    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    arrived_ms: int


class AheadOfArrivalError(BadInputError):
    """All of a message is from after its arrival, by ``ahead_ms``: its source's clock is wrong."""

    def __init__(self, text: str, *, run: str, key: str, ahead_ms: int) -> None:
        super().__init__("time", text)
        self.run = run
        self.key = key
        self.ahead_ms = ahead_ms


@dataclass(frozen=True)
class BadRow:
    """A report that was left out of its frame; ``count`` where it stands for several."""

    row: int
    reason: Reason
    count: int = 1


@dataclass(frozen=True)
class Decoded:
    """A frame of good reports, and the bad ones beside it.

    ``left_out`` are the optional fields that were wrong and are not known now, with their values.
    """

    frame: Frame
    bad_rows: list[BadRow]
    left_out: tuple[str, ...] = ()

    @property
    def rejections(self) -> list[BadRow]:
        """Return the first bad rows one by one, and one that stands for all others."""
        first, others = self.bad_rows[:_MOST_ROWS], self.bad_rows[_MOST_ROWS:]
        if not others:
            return first
        row, reason = others[0].row, others[0].reason
        text = f"{len(others)} more of its reports are bad, the first: {reason.text}"
        return [*first, BadRow(row, Reason(reason.reason_class, text), len(others))]


@dataclass(frozen=True)
class _Envelope:
    key: str
    run: str
    scan_time_ms: int | None
    last: bool
    arrived_ms: int

    @property
    def latest_ms(self) -> int:
        """Return the time that nothing in this message may be later than."""
        return self.arrived_ms + MAX_AHEAD_MS

    def ahead(self, what: str, time_ms: int) -> AheadOfArrivalError:
        """Return the error for a message whose scan or reports are too far ahead."""
        return AheadOfArrivalError(
            f"{what} {_show(time_ms)} is more than {MAX_AHEAD_MS} ms ahead of the message's "
            f"arrival at {_show(self.arrived_ms)}",
            run=self.run,
            key=self.key,
            ahead_ms=time_ms - self.arrived_ms,
        )


def decode_message(message: RawMessage, environment: Environment) -> Decoded:
    """Return a message's frame and its bad reports.

    Raises ``BadInputError`` where nothing of the message can be used.
    """
    return result_of(decoding(message, environment))


def decoding(message: RawMessage, environment: Environment) -> Steps[Decoded]:
    """Do as ``decode_message``, in steps: 10,000 bad reports take seconds."""
    envelope = _envelope(message)
    value = message.value or b""
    if len(value) > arrow_stream.MAX_BYTES:
        raise BadInputError(
            "size", f"message of {len(value)} bytes is over {arrow_stream.MAX_BYTES}"
        )
    if _content_type(message) == arrow_stream.CONTENT_TYPE:
        batch = column_checks.canonical(arrow_stream.decode(value))
        batch, bad, left_out = yield from column_checks.checking(batch, source_of(envelope.key))
    else:
        source = source_of(envelope.key)
        batch, bad, left_out = yield from json_reports.read_json(value, source, KEY_HINT)
    # Before the scan time is taken: refused reports must not move the watermark. With several
    # reasons the first stands.
    bad = _simulated(batch, environment) | bad
    scan_time_ms = _scan_time(batch, bad, envelope)
    bad = _ahead_of_scan(batch, scan_time_ms) | bad
    good_rows = sorted(set(range(batch.num_rows)) - bad.keys())
    good = (
        batch if len(good_rows) == batch.num_rows else batch.take(pa.array(good_rows, pa.int64()))
    )
    is_last = envelope.last and envelope.run != LIVE_RUN
    if envelope.last and not is_last:
        left_out = (*left_out, "last: a live source does not end")
    frame = Frame(envelope.key, envelope.run, scan_time_ms, is_last, good)
    return Decoded(frame, [BadRow(row, bad[row]) for row in sorted(bad)], left_out)


def encode_frame(frame: Frame) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Return key, value and headers of the message that carries a frame."""
    headers = [
        ("content-type", arrow_stream.CONTENT_TYPE.encode()),
        ("run", frame.run.encode()),
        ("scan-time", str(frame.scan_time_ms).encode()),
    ]
    if frame.last:
        headers.append(("last", b"1"))
    return frame.key.encode(), arrow_stream.encode(frame.batch), headers


def _envelope(message: RawMessage) -> _Envelope:
    if not 0 <= message.arrived_ms <= LATEST_MS:
        raise BadInputError(
            "time",
            f"the message's timestamp must be milliseconds since 1970, got {message.arrived_ms}",
        )
    scan_time_ms = _header_int(message, "scan-time")
    last = _header(message, "last") or "0"
    if last not in ("0", "1"):
        raise BadInputError("header", f"header last must be 0 or 1, got {last!r}")
    run = _header(message, "run") or LIVE_RUN
    try:
        _RUN.validate_python(run)
    except ValidationError:
        raise BadInputError("header", f"header run is no name: {run[:80]!r}") from None
    key = _key(message)
    envelope = _Envelope(key, run, scan_time_ms, last == "1", message.arrived_ms)
    if scan_time_ms is not None and scan_time_ms > envelope.latest_ms:
        raise envelope.ahead("scan time", scan_time_ms)
    return envelope


def _key(message: RawMessage) -> str:
    if not message.key:
        raise BadInputError(
            "key", f"message has no key; send the source's name as key ({KEY_HINT})"
        )
    try:
        key = message.key.decode("ascii")
        _SOURCE.validate_python(source_of(key))
        if "/" in key:
            _SOURCE.validate_python(key.split("/", 1)[1])
    except (UnicodeDecodeError, ValidationError):
        raise BadInputError(
            "key",
            f"key is no source name: {message.key[:80]!r}; send SOURCE or SOURCE/SHARD "
            f"({KEY_HINT})",
        ) from None
    return key


def _header(message: RawMessage, name: str) -> str | None:
    value = message.headers.get(name)
    if value is None:
        return None
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise BadInputError("header", f"header {name} is not ascii: {value[:80]!r}") from None


def _header_int(message: RawMessage, name: str) -> int | None:
    text = _header(message, name)
    if text is None:
        return None
    if not (text.isdigit() and len(text) <= 15):  # 15 digits reach the year 33658
        raise BadInputError(
            "header", f"header {name} must be milliseconds since 1970, got {text[:80]!r}"
        )
    return int(text)


def _content_type(message: RawMessage) -> str:
    content_type = _header(message, "content-type") or JSON_CONTENT_TYPE
    if content_type not in (JSON_CONTENT_TYPE, arrow_stream.CONTENT_TYPE):
        raise BadInputError(
            "header",
            f"content-type must be {JSON_CONTENT_TYPE} or {arrow_stream.CONTENT_TYPE}, "
            f"got {content_type[:80]!r}",
        )
    return content_type


def _scan_time(batch: pa.RecordBatch, bad: Mapping[int, Reason], envelope: _Envelope) -> int:
    """Return the frame's scan time; a message without one is its own scan."""
    if envelope.scan_time_ms is not None:
        return envelope.scan_time_ms
    times = batch.column("time").view(pa.int64()).to_pylist()
    usable = [
        time for row, time in enumerate(times) if row not in bad and time <= envelope.latest_ms
    ]
    if usable:
        return int(max(usable))
    ahead = [time for row, time in enumerate(times) if row not in bad]
    if ahead:
        raise envelope.ahead("the earliest report", int(min(ahead)))
    if bad:
        more = f" (and {len(bad) - 1} more reports are bad)" if len(bad) > 1 else ""
        first = next(iter(bad.values()))
        raise BadInputError(first.reason_class, first.text + more)
    raise BadInputError("header", "a message without reports needs the header scan-time")


def _simulated(batch: pa.RecordBatch, environment: Environment) -> dict[int, Reason]:
    """Return the rows of simulated reports on the actual topic, with the reason."""
    if environment is not Environment.ACTUAL:
        return {}
    rows = np.flatnonzero(np.asarray(batch.column("simulated"))).tolist()
    reason = Reason("simulated", "simulated: a simulated report on the actual topic")
    return dict.fromkeys(rows, reason)


def _ahead_of_scan(batch: pa.RecordBatch, scan_time_ms: int) -> dict[int, Reason]:
    """Return the rows of reports that are later than their frame's scan, with the reason."""
    times = np.asarray(batch.column("time").view(pa.int64()))
    return {
        row: Reason(
            "time", f"time: {_show(int(times[row]))} is ahead of its scan {_show(scan_time_ms)}"
        )
        for row in np.flatnonzero(times > scan_time_ms).tolist()
    }


def _show(time_ms: int) -> str:
    try:
        return format_time(from_ms(time_ms))
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms"
