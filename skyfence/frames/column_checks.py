"""Which rows of an Arrow frame are no valid reports, as the ``Report`` model decides.

Building a model costs 13 us a row, checking all columns 0.7 ms a frame. So a model is built for
every row of a small frame; in a large frame only for rows that fail a check of the columns.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from skyfence.contracts.rejected import Reason
from skyfence.contracts.report import OPTIONAL_FIELDS, REPORTS, read_report
from skyfence.frames.frame import ARROW_SCHEMA, all_fields, row_fields
from skyfence.steps import Steps, result_of
from skyfence.times import LATEST_MS

# The checks that make building a Report unnecessary: bounds or a pattern for each column, never
# wider than the model's. tests/unit/frames/test_column_checks.py compares the two.
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "lat": (-90, 90),
    "lon": (-180, 180),
    "altitude_m": (-1_000, 2_000_000),
    "ground_speed_mps": (0, 10_000),
    "course_deg": (0, 360),
    "vertical_rate_mps": (-10_000, 10_000),
    "accuracy_m": (1e-9, 100_000),
}
_PATTERNS: Final[dict[str, str]] = {
    "track_id": r"^[!-~]([ -~]{0,126}[!-~])?\z",
    "altitude_ref": r"^(pressure|amsl|wgs84|agl)\z",
    "callsign": r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,15}\z",
    "mode_3a": r"^[0-7]{4}\z",
    "icao_address": r"^[0-9A-F]{6}\z",
    "category": r"^(unknown|uav|aircraft|helicopter|glider|missile|balloon)\z",
    "phase": r"^(tentative|confirmed|coasting|ended)\z",
}
# Columns that must not be null. (Left out of a row, the model would put its default there.)
_REQUIRED: Final = [field.name for field in ARROW_SCHEMA if not field.nullable]
# From so many rows on, checking the columns costs less than building every row.
_FEWEST_ROWS: Final = 48


class Usable(NamedTuple):
    """A batch whose rows are good but for the ``bad`` ones, by row with their reasons.

    ``left_out`` are the optional fields that were wrong and are null now, with their values.
    """

    batch: pa.RecordBatch
    bad: dict[int, Reason]
    left_out: tuple[str, ...] = ()


def usable(batch: pa.RecordBatch, source: str) -> Usable:
    """Return an Arrow frame with optional fields that are wrong left out, and its bad rows.

    A row is bad where the model refuses it without them, too, with the model's reason.
    """
    return result_of(checking(batch, source))


def checking(batch: pa.RecordBatch, source: str) -> Steps[Usable]:
    """Do as ``usable``, in steps of a row for which a model is built."""
    if batch.num_rows >= _FEWEST_ROWS:
        rows = np.flatnonzero(suspects(batch)).tolist()
    else:
        rows = [] if _are_valid(batch, source) else list(range(batch.num_rows))
    bad: dict[int, Reason] = {}
    wrong: dict[str, list[int]] = {}
    left_out: list[str] = []
    for row in rows:
        yield
        try:
            fields = _as_given(row_fields(batch, row), source)
            report, lines = read_report(fields)
        except ValidationError as error:
            bad[row] = Reason.of_invalid(error)
        except (ValueError, OverflowError) as error:  # an instant that Python's calendar lacks
            bad[row] = Reason("field", f"time: {error}")
        else:
            left_out += lines
            for name in OPTIONAL_FIELDS & fields.keys():
                if getattr(report, name) is None:
                    wrong.setdefault(name, []).append(row)
    return Usable(_without(batch, wrong), bad, tuple(left_out))


def _without(batch: pa.RecordBatch, wrong: Mapping[str, Sequence[int]]) -> pa.RecordBatch:
    """Return a batch in which some columns, by name, are null in some rows."""
    for name, rows in wrong.items():
        mask = np.zeros(batch.num_rows, dtype=bool)
        mask[rows] = True
        field = ARROW_SCHEMA.field(name)
        column = pc.if_else(pa.array(mask), pa.scalar(None, field.type), batch.column(name))
        batch = batch.set_column(batch.schema.get_field_index(name), field, column)
    return batch


def _are_valid(batch: pa.RecordBatch, source: str) -> bool:
    """Tell whether every row is a valid report."""
    try:
        REPORTS.validate_python([_as_given(row, source) for row in all_fields(batch)])
    except (ValidationError, ValueError, OverflowError):
        return False
    return True


def _as_given(fields: dict[str, object], source: str) -> dict[str, object]:
    return dict.fromkeys(_REQUIRED) | fields | {"source": source}


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with its values as the model normalizes them: ICAO addresses in capitals."""
    column = batch.column("icao_address")
    if column.null_count == len(column):
        return batch
    index = batch.schema.get_field_index("icao_address")
    return batch.set_column(index, batch.schema.field(index), pc.ascii_upper(column))


def suspects(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Mark the rows that a Report might refuse, shape (n,)."""
    marked = np.zeros(batch.num_rows, dtype=bool)
    for name in batch.schema.names:
        marked |= _suspects(name, batch.column(name))
    return marked


def _suspects(name: str, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Mark the values of a column that a Report might refuse, (n,); optional ones may be null."""
    if name in _BOUNDS:
        low, high = _BOUNDS[name]
        ok = pc.and_(pc.greater_equal(column, low), pc.less_equal(column, high))
    elif name in _PATTERNS:
        ok = pc.match_substring_regex(column, _PATTERNS[name])
    elif name == "time":
        ms = column.cast(pa.int64())
        ok = pc.and_(pc.greater_equal(ms, 0), pc.less_equal(ms, LATEST_MS))
    else:
        ok = pc.is_valid(column)
    required = not ARROW_SCHEMA.field(name).nullable
    fine: npt.NDArray[np.bool_] = np.asarray(pc.fill_null(ok, not required))
    return np.logical_not(fine)
