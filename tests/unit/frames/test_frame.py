"""Frames: reports laid out as columns and handed back unchanged."""

from typing import Any

import numpy as np
import pytest
from builders import T0, T0_MS, report, row_of
from hypothesis import given
from hypothesis import strategies as st

from skyfence.contracts.report import Report
from skyfence.frames.frame import ARROW_SCHEMA, LIVE_RUN, frame_of, source_of
from skyfence.times import from_ms

FULL: dict[str, Any] = {
    "altitude_m": 350.5,
    "altitude_ref": "amsl",
    "ground_speed_mps": 50,
    "course_deg": 359.9,
    "vertical_rate_mps": -2.5,
    "accuracy_m": 30,
    "callsign": "RYR12",
    "mode_3a": "7700",
    "icao_address": "4CA1FB",
    "category": "uav",
    "phase": "coasting",
    "simulated": True,
}


def test_a_frame_gives_back_its_reports() -> None:
    """Reports with every field, and with none that is optional, come back equal, in order."""
    reports = [report(track_id="b", **FULL), report(track_id="a"), report(track_id="b")]
    frame = frame_of(reports, key="radar")
    assert [row_of(frame, row) for row in range(len(frame))] == reports


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.integers(0, 4_102_444_800_000),
)
def test_no_number_changes_in_a_frame(lat: float, lon: float, time_ms: int) -> None:
    """Coordinates keep their last bit and times their millisecond."""
    given_report = report(lat=lat, lon=lon, time=from_ms(time_ms))
    frame = frame_of([given_report], key="radar")
    assert row_of(frame, 0) == given_report
    assert (frame.lats[0], frame.lons[0], frame.times_ms[0]) == (lat, lon, time_ms)


def test_columns_are_what_the_engine_reads() -> None:
    """The numpy columns and lists hold the reports' values, row by row."""
    late = report(track_id="T2", lat=1, lon=-2, phase="ended", time="2024-09-07T03:58:00.250Z")
    frame = frame_of([report(), late], key="radar")
    assert frame.times_ms.tolist() == [T0_MS, T0_MS + 250]
    assert frame.times_ms.dtype == np.int64
    assert frame.lats.dtype == np.float64
    assert frame.lats.tolist() == [56.5, 1.0]
    assert frame.lons.tolist() == [27.25, -2.0]
    assert frame.track_ids == ["T1", "T2"]
    assert [frame.text("phase", row) for row in range(2)] == ["confirmed", "ended"]


def test_scan_time_is_the_latest_report() -> None:
    """Without a scan time of its own a frame is as late as its latest report."""
    reports = [report(time=from_ms(T0_MS + ms)) for ms in (5, 9, 7)]
    frame = frame_of(reports, key="radar")
    assert (frame.scan_time_ms, frame.run, frame.last) == (T0_MS + 9, LIVE_RUN, False)


def test_an_empty_frame_needs_its_scan_time() -> None:
    """A heartbeat that does not say when it is would move no watermark, and is refused."""
    with pytest.raises(ValueError, match="an empty frame needs a scan time"):
        frame_of([], key="radar")
    frame = frame_of([], key="radar", scan_time_ms=T0_MS)
    assert (len(frame), frame.scan_time_ms, frame.track_ids) == (0, T0_MS, [])
    assert frame.times_ms.shape == frame.lats.shape == (0,)


@pytest.mark.parametrize(
    ("key", "source"), [("radar", "radar"), ("radar/7", "radar"), ("a/b/c", "a"), ("", "")]
)
def test_the_key_names_the_source(key: str, source: str) -> None:
    """The source is what stands before the first slash of the key, also in the rows."""
    assert source_of(key) == source


def test_rows_of_a_shard_carry_the_source() -> None:
    """A report of a sharded source names the source without its shard."""
    frame = frame_of([report()], key="radar/3")
    assert (frame.source, row_of(frame, 0).source) == ("radar", "radar")


def test_the_columns_are_the_fields_of_a_report() -> None:
    """Every field of a report but its source is a column, and nothing else is."""
    assert set(ARROW_SCHEMA.names) == set(Report.model_fields) - {"source"}
    required = {field.name for field in ARROW_SCHEMA if not field.nullable}
    optional = {name for name, field in Report.model_fields.items() if field.default is None}
    assert required == set(ARROW_SCHEMA.names) - optional


def test_the_time_zone_is_utc() -> None:
    """A time comes back aware and in UTC, however it went in."""
    frame = frame_of([report(time="2024-09-07T06:58:00+03:00")], key="radar")
    assert row_of(frame, 0).time == T0
    assert row_of(frame, 0).time.utcoffset() == T0.utcoffset()
