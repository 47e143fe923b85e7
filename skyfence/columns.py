"""Which rows of an Arrow frame are no valid reports, found on whole columns.

Building a pydantic ``Report`` a row costs twenty times what a column check does, so the columns
are checked first and only suspects are built; the model then says what is wrong with them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from skyfence.frame import ARROW_SCHEMA, row_fields
from skyfence.model import why_invalid
from skyfence.report import Report
from skyfence.times import LATEST_MS

# What a column's values must pass to be taken without building a Report: bounds or a pattern,
# never wider than the model's. tests/test_columns.py holds the two together.
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
# A null in one of these is no value; left out, the model would put its default there.
_REQUIRED: Final = [field.name for field in ARROW_SCHEMA if not field.nullable]


def bad_rows(batch: pa.RecordBatch, source: str) -> dict[int, str]:
    """Find the rows of an Arrow frame that are no valid reports; the model says why."""
    suspects = np.zeros(batch.num_rows, dtype=bool)
    for name in batch.schema.names:
        suspects |= _suspects(name, batch.column(name))
    bad: dict[int, str] = {}
    for row in np.flatnonzero(suspects).tolist():
        try:
            fields = dict.fromkeys(_REQUIRED) | row_fields(batch, row)
            Report.model_validate(fields | {"source": source})
        except ValidationError as error:
            bad[row] = why_invalid(error)
        except (ValueError, OverflowError) as error:  # an instant that Python's calendar lacks
            bad[row] = f"time: {error}"
    return bad


def canonical(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a frame as the model would have written it: ICAO addresses in capitals."""
    column = batch.column("icao_address")
    if column.null_count == len(column):
        return batch
    index = batch.schema.get_field_index("icao_address")
    return batch.set_column(index, batch.schema.field(index), pc.ascii_upper(column))


def _suspects(name: str, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Mark the values a Report might refuse, shape (n,); a null is fine where it is optional."""
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
