"""JSON of ``tracks``, one report or a list, to a batch; bad reports are told with their reason."""

from typing import Any, Final, NamedTuple

import pyarrow as pa
from pydantic import ValidationError
from pydantic_core import from_json

from skyfence.contracts.rejected import BadInputError, Reason
from skyfence.contracts.report import REPORTS, Report, read_report
from skyfence.frames import arrow_stream, column_checks
from skyfence.frames.frame import batch_of
from skyfence.steps import Steps
from skyfence.times import from_ms

# Reports that are read in one step: a bad one takes 0.2 ms.
_READ_AT_ONCE: Final = 20
_PLACEHOLDER: Final = Report(
    time=from_ms(0), source="none", track_id="none", lat=0.0, lon=0.0
)  # where a report is bad


class _Chunk(NamedTuple):
    """Some reports that were read, by row from the first of them."""

    reports: list[Report]
    bad: dict[int, Reason]
    left_out: list[str]


def read_json(value: bytes, source: str, hint: str) -> Steps[column_checks.Usable]:
    """Return a batch with a row for every element, with the reasons of bad rows, in steps.

    Bad rows are placeholders. ``hint`` is what to do where a report names another source. Raises
    ``BadInputError`` where it is no report and no list, or too long a list.
    """
    items = _items(value)
    batches: list[pa.RecordBatch] = []
    bad: dict[int, Reason] = {}
    left_out: list[str] = []
    for first in range(0, len(items), _READ_AT_ONCE):
        yield
        chunk = _read(items[first : first + _READ_AT_ONCE])
        for row, report in enumerate(chunk.reports):
            if row not in chunk.bad and report.source != source:
                text = f"source: report names {report.source!r}, the key {source!r} ({hint})"
                chunk.bad[row] = Reason("key", text)
        batches.append(batch_of(chunk.reports))
        bad |= {first + row: reason for row, reason in chunk.bad.items()}
        left_out += chunk.left_out
    return column_checks.Usable(
        pa.concat_batches(batches) if batches else batch_of([]), bad, tuple(left_out)
    )


def _items(value: bytes) -> list[Any]:
    try:
        items = from_json(value)
    except ValueError as error:
        raise BadInputError("unreadable", f"unreadable json: {str(error)[:200]}") from None
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        raise BadInputError(
            "unreadable", f"json must be a report or a list of reports, got {str(items)[:80]!r}"
        )
    if len(items) > arrow_stream.MAX_ROWS:
        raise BadInputError("size", f"list of {len(items)} reports is over {arrow_stream.MAX_ROWS}")
    return items


def _read(items: list[Any]) -> _Chunk:
    try:
        return _Chunk(REPORTS.validate_python(items), {}, [])
    except ValidationError:
        pass  # at least one is bad: look at each
    chunk = _Chunk([], {}, [])
    for row, item in enumerate(items):
        try:
            report, wrong = read_report(item)
            chunk.reports.append(report)
            chunk.left_out.extend(wrong)
        except ValidationError as error:
            chunk.bad[row] = Reason.of_invalid(error)
            chunk.reports.append(_PLACEHOLDER)
    return chunk
