"""The column checks and the Report model agree: neither takes what the other refuses."""

import math
from typing import Any

import pyarrow as pa
import pytest
from builders import report
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from skyfence.contracts.rejected import Reason
from skyfence.contracts.report import read_report
from skyfence.frames import column_checks
from skyfence.frames.frame import ARROW_SCHEMA, batch_of, row_fields

BOUNDS = [0, 90, 180, 360, 1_000, 10_000, 100_000, 2_000_000, 1e-9, math.inf]
NUMBERS = (
    st.sampled_from([sign * bound for bound in BOUNDS for sign in (1, -1)]).flatmap(
        lambda x: st.sampled_from([x, math.nextafter(x, math.inf), math.nextafter(x, -math.inf)])
    )
    | st.floats()
    | st.floats(-400, 400)
)
WORDS = ["pressure", "amsl", "wgs84", "agl", "unknown", "uav", "missile", "confirmed", "ended"]
WORDS += ["7700", "4CA1FB", "4ca1fb", "RYR 12", "A" * 16, "!" * 128, "T1"]
ODD = ["", " ", "\n", "\r", "\0", "\x7f", "\x1f", "\u0660", "\u2028", "\u0131", "Ā", "é", "~", "^"]
TEXTS = (
    st.builds(lambda a, b, c: a + b + c, *[st.sampled_from(ODD + WORDS + ["a", "_", "-"])] * 3)
    | st.sampled_from(WORDS)
    | st.text(max_size=20)
    | st.text("ab -_09", max_size=18)
    | st.integers(126, 130).map(lambda n: "x" * n)
)
INSTANTS = st.sampled_from(
    [0, -1, 1, 4_102_444_800_000, 4_102_444_800_001, 253_402_300_799_999, 253_402_300_800_000]
) | st.integers(-(2**63), 2**63 - 1)


def value_of(field: pa.Field) -> st.SearchStrategy[Any]:
    values: st.SearchStrategy[Any]
    if field.name == "simulated":
        values = st.booleans()
    elif field.name == "time":
        values = INSTANTS
    else:
        values = NUMBERS if field.type == pa.float64() else TEXTS
    return st.one_of(values, values, values, st.none())


def with_value(name: str, value: object) -> pa.RecordBatch:
    batch = batch_of([report()])
    index = ARROW_SCHEMA.names.index(name)
    field = ARROW_SCHEMA.field(name)
    return batch.set_column(index, field, pa.array([value], field.type))


def refused_by_model(batch: pa.RecordBatch) -> bool:
    """Judge a row without the column checks; a null where a value must be is none."""
    try:
        values = dict.fromkeys(ARROW_SCHEMA.names) | row_fields(batch, 0)
        read_report(values | {"source": "radar"})
    except (ValidationError, ValueError, OverflowError):
        return True
    return False


@pytest.mark.parametrize("field", list(ARROW_SCHEMA), ids=ARROW_SCHEMA.names)
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_columns_and_model_agree(field: pa.Field, data: st.DataObject) -> None:
    """In each column exactly what the model refuses is refused, and the checks suspect it all."""
    value = data.draw(value_of(field))
    batch = with_value(field.name, value)
    refused = refused_by_model(batch)
    assert column_checks.suspects(batch)[0] or not refused, repr(value)
    assert bool(column_checks.usable(batch, "radar").bad) == refused, repr(value)


@given(
    st.lists(st.sampled_from([56.5, 91.0, math.nan, -90.0]), max_size=12),
    st.booleans(),
)
@example([], False)
def test_only_the_bad_rows_are_named(lats: list[float], is_large: bool) -> None:
    """In a batch of good and bad rows exactly the bad ones are named, by their number."""
    lats = lats + [56.5] * (100 if is_large else 0)  # large: the columns are checked first
    batch = batch_of([report()] * len(lats)).set_column(
        2, ARROW_SCHEMA.field("lat"), pa.array(lats, pa.float64())
    )
    bad = column_checks.usable(batch, "radar").bad
    assert set(bad) == {row for row, lat in enumerate(lats) if not -90 <= lat <= 90}
    assert all(reason.text.startswith("lat: ") for reason in bad.values())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("lat", 91.0, "lat: input should be less than or equal to 90, got 91.0"),
        ("lon", None, "lon: input should be a valid number, got None"),
        ("simulated", None, "simulated: input should be a valid boolean, got None"),
    ],
)
def test_the_reason_is_the_models(name: str, value: object, reason: str) -> None:
    """The reason of a row is the line that the same report as JSON would get."""
    assert column_checks.usable(with_value(name, value), "radar").bad == {
        0: Reason("field", reason)
    }


@pytest.mark.parametrize("name", ["category", "phase", "time", "track_id"])
def test_a_null_is_no_default(name: str) -> None:
    """A null where a value must be is refused, also where the model has a default."""
    assert column_checks.usable(with_value(name, None), "radar").bad[0].text.startswith(f"{name}: ")


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 10**17])
def test_an_instant_beyond_the_calendar_is_refused(value: int) -> None:
    """A time that Python cannot hold costs its row, not the message."""
    assert column_checks.usable(with_value("time", value), "radar").bad[0].text.startswith("time: ")


def test_addresses_are_written_in_capitals() -> None:
    """A lower-case ICAO address is good, and stands in the frame as the model writes it."""
    batch = column_checks.canonical(with_value("icao_address", "4ca1fb"))
    assert column_checks.usable(batch, "radar").bad == {}
    assert batch.column("icao_address").to_pylist() == ["4CA1FB"]
    assert batch.schema.equals(ARROW_SCHEMA)


@pytest.mark.parametrize("rows", [1, 100])
def test_an_optional_field_that_is_wrong_is_left_out(rows: int) -> None:
    """A wrong callsign or code costs the field, in small and large frames; the row is judged."""
    batch = batch_of([report(callsign="TEST7")] * rows)
    for name, value in (("callsign", "        "), ("mode_3a", "7780")):
        values = [value] + [None] * (rows - 1)
        field = ARROW_SCHEMA.field(name)
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, field, pa.array(values, pa.string()))
    usable = column_checks.usable(batch, "radar")
    assert usable.bad == {}
    assert usable.left_out == ("callsign: '        '", "mode_3a: '7780'")
    assert usable.batch.column("callsign").null_count == rows
    assert usable.batch.column("mode_3a").null_count == rows
    assert usable.batch.schema.equals(ARROW_SCHEMA)
