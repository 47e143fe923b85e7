"""The frame: many reports of one source in one Kafka message, held as columns.

A Kafka message costs a Faust agent ~100 us and a report well under 1 us, so reports travel packed.
The columns are one Arrow record batch; the engine reads the few it needs as numpy arrays and asks
for a whole ``Report`` only where something happened. An empty frame is a heartbeat: it moves its
source's watermark. A frame marked ``last`` ends a finite source.

Does not check its rows: ``codec`` lets only valid ones in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyfence.contracts.report import Report
from skyfence.times import to_ms

LIVE_RUN: Final = "live"

_TEXT = pa.string()
_NUMBER = pa.float64()
# The exact schema of a frame on the wire; a stream with any other is refused. The source is not
# a column: a frame has one, and the message's key names it.
ARROW_SCHEMA: Final = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("track_id", _TEXT, nullable=False),
        pa.field("lat", _NUMBER, nullable=False),
        pa.field("lon", _NUMBER, nullable=False),
        pa.field("altitude_m", _NUMBER),
        pa.field("altitude_ref", _TEXT),
        pa.field("ground_speed_mps", _NUMBER),
        pa.field("course_deg", _NUMBER),
        pa.field("vertical_rate_mps", _NUMBER),
        pa.field("accuracy_m", _NUMBER),
        pa.field("callsign", _TEXT),
        pa.field("mode_3a", _TEXT),
        pa.field("icao_address", _TEXT),
        pa.field("category", _TEXT, nullable=False),
        pa.field("phase", _TEXT, nullable=False),
        pa.field("simulated", pa.bool_(), nullable=False),
    ]
)
# Heartbeats and messages without a report are many; making their columns takes half their time.
_NO_REPORTS: Final = pa.RecordBatch.from_pylist([], schema=ARROW_SCHEMA)

# The columns that say what the object is: what ``Frame.known`` returns.
KNOWN_FIELDS: Final = (*ARROW_SCHEMA.names[4:14], "simulated")
# Up to so many rows, reading a whole column costs as much as reading a single value of it.
_FEW_ROWS: Final = 64


@dataclass(frozen=True)
class Frame:
    """Reports of one source and run, in order of arrival.

    ``scan_time_ms`` is the source's clock when the frame was made: no row is later than it, and it
    alone moves the source's watermark. ``key`` is the message key, the source or source/shard.
    """

    key: str
    run: str
    scan_time_ms: int
    last: bool
    batch: pa.RecordBatch

    @property
    def source(self) -> str:
        """Return the name of the source, without the shard."""
        return source_of(self.key)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    @cached_property
    def times_ms(self) -> npt.NDArray[np.int64]:
        """Return observation times, shape (n,), milliseconds since 1970."""
        return np.asarray(self.batch.column("time").view(pa.int64()))

    @cached_property
    def lats(self) -> npt.NDArray[np.float64]:
        """Return latitudes, shape (n,), degrees."""
        return np.asarray(self.batch.column("lat"))

    @cached_property
    def lons(self) -> npt.NDArray[np.float64]:
        """Return longitudes, shape (n,), degrees."""
        return np.asarray(self.batch.column("lon"))

    @cached_property
    def track_ids(self) -> list[str]:
        """Return track identifiers, one a row."""
        return list(self.batch.column("track_id").to_pylist())

    def number(self, column: str, row: int) -> float | None:
        """Return the value of a column of numbers at a row, or None where it is not known."""
        value = self._values(column)[row]
        return None if value is None else float(value)

    def text(self, column: str, row: int) -> str | None:
        """Return the value of a column of texts at a row, or None where it is not known."""
        value = self._value(column, row)
        return None if value is None else str(value)

    def known(self, row: int) -> dict[str, Any]:
        """Return a row's fields about the object itself (``KNOWN_FIELDS``), without null ones."""
        values = {name: self._value(name, row) for name in KNOWN_FIELDS}
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, column: str, row: int) -> Any:
        """Return a value; reads whole columns of small frames: all their values will be needed."""
        if len(self) <= _FEW_ROWS:
            return self._values(column)[row]
        return self.batch.column(column)[row].as_py()

    def _values(self, column: str) -> list[Any]:
        values: list[Any] | None = self._columns.get(column)
        if values is None:
            values = self._columns[column] = self.batch.column(column).to_pylist()
        return values

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        return {}


def source_of(key: str) -> str:
    """Return the source that a message key names (``source`` or ``source/shard``)."""
    return key.split("/", 1)[0]


def row_fields(batch: pa.RecordBatch, row: int) -> dict[str, Any]:
    """Return the fields of a row as a report has them, without those that are null."""
    return all_fields(batch.slice(row, 1))[0]


def all_fields(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the fields of each row as a report has them, without those that are null."""
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in batch.to_pylist()
    ]


def batch_of(reports: Sequence[Report]) -> pa.RecordBatch:
    """Return reports as a record batch of ``ARROW_SCHEMA``, in the order given."""
    if not reports:
        return _NO_REPORTS
    names = ARROW_SCHEMA.names[1:]
    columns = [
        pa.array([to_ms(report.time) for report in reports], ARROW_SCHEMA.field("time").type)
    ]
    columns += [
        pa.array([getattr(report, name) for report in reports], ARROW_SCHEMA.field(name).type)
        for name in names
    ]
    return pa.record_batch(columns, schema=ARROW_SCHEMA)


def frame_of(
    reports: Sequence[Report],
    *,
    key: str,
    run: str = LIVE_RUN,
    scan_time_ms: int | None = None,
    last: bool = False,
) -> Frame:
    """Pack reports of one source into a frame.

    Without ``scan_time_ms`` it is the latest report's time; raises ``ValueError`` if there is none.
    """
    if scan_time_ms is None:
        if not reports:
            raise ValueError("an empty frame needs a scan time")
        scan_time_ms = max(to_ms(report.time) for report in reports)
    return Frame(key, run, scan_time_ms, last, batch_of(reports))
