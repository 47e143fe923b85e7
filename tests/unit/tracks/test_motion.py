"""Motion: the velocity a track has, as reported or as its own positions tell."""

import random
from math import atan2, cos, degrees, hypot, radians, sin, sqrt
from statistics import pstdev

import pytest

from skyfence.geometry.geodesy import WGS84
from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.motion import Motion, ReferenceFixes, reported_motion

PARAMETERS = DetectionParameters()
LON, LAT = 27.0, 56.25


def place(course_deg: float, metres: float) -> tuple[float, float]:
    """Return the latitude and longitude so far from the start on a course."""
    lon, lat, _ = WGS84.fwd(LON, LAT, course_deg, metres)
    return lat, lon


def measured(
    speed_mps: float,
    course_deg: float,
    at_s: list[float],
    accuracy_m: float | None = 10.0,
) -> Motion | None:
    """Return what the anchors tell at the last of some reports on a straight flight."""
    references = ReferenceFixes()
    for second in at_s:
        references.note(round(second * 1000), *place(course_deg, speed_mps * second))
    now_s = at_s[-1]
    return references.motion(
        round(now_s * 1000), *place(course_deg, speed_mps * now_s), accuracy_m, PARAMETERS
    )


def test_a_report_s_own_velocity() -> None:
    """Speed and course together are a velocity; one without the other is none."""
    motion = reported_motion(50.0, 270.0)
    assert motion is not None
    assert (motion.speed_mps, motion.course_deg) == (50.0, 270.0)
    assert reported_motion(50.0, None) is None
    assert reported_motion(None, 270.0) is None


def test_what_hardly_moves_has_no_course() -> None:
    """Below walking pace a reported course means nothing."""
    assert reported_motion(4.9, 90.0) is None
    assert reported_motion(5.0, 90.0) is not None


@pytest.mark.parametrize("course", [0, 45, 133, 270, 359])
@pytest.mark.parametrize("speed", [30, 60, 250])
def test_positions_tell_the_velocity(speed: int, course: int) -> None:
    """After some reports without speed and course, both are those of the flight."""
    motion = measured(speed, course, [4.0 * n for n in range(12)])
    assert motion is not None
    assert motion.speed_mps == pytest.approx(speed, rel=1e-3)
    assert (motion.course_deg - course + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


def test_a_velocity_needs_two_positions_that_differ() -> None:
    """Two positions tell a course as soon as the way between them exceeds their errors."""
    assert measured(60, 90, [0]) is None
    assert measured(60, 90, [0, 2]) is None
    assert measured(60, 90, [0, 4]) is not None
    assert measured(60, 90, [0, 4], accuracy_m=150.0) is None
    rough = measured(60, 90, [0, 4], accuracy_m=80.0)
    assert rough is not None
    assert 20 < rough.sigma_deg <= 30


def test_a_slow_radar_tells_the_velocity_too() -> None:
    """A radar that turns once in 75 s tells speed and course with its second report."""
    assert measured(50, 90, [0, 75]) is not None
    assert measured(50, 90, [0, 75, 150, 225]) is not None


@pytest.mark.parametrize("every_s", [1.0, 4.0, 12.0])
def test_the_velocity_is_over_20_to_60_seconds(every_s: float) -> None:
    """However often a radar reports, the older anchor is long enough ago, and not too long."""
    references = ReferenceFixes()
    for number in range(round(120 / every_s)):
        now_ms = round(1000 * every_s * number)
        references.note(now_ms, LAT, LON)
        if now_ms >= 60_000:
            assert references.older is not None
            assert 20_000 <= now_ms - references.older.time_ms <= 60_000


def test_a_turn_is_followed() -> None:
    """A minute after a turn the old course is forgotten."""
    references = ReferenceFixes()
    east, north = 60 * 100.0, 0.0
    for number in range(16):
        references.note(4000 * number, *place(90, 60.0 * 4 * number))
    corner_lat, corner_lon = place(90, east)
    for number in range(16):
        north = 60.0 * 4 * number
        lon, lat, _ = WGS84.fwd(corner_lon, corner_lat, 0, north)
        now_ms = 64_000 + 4000 * number
        references.note(now_ms, lat, lon)
    motion = references.motion(now_ms, lat, lon, 10.0, PARAMETERS)
    assert motion is not None
    assert min(motion.course_deg, 360 - motion.course_deg) < 1.0


def test_a_gap_begins_anew() -> None:
    """After more than three minutes of silence no anchor from before it is used."""
    assert measured(60, 90, [0, 20, 40, 230]) is None
    assert measured(60, 90, [0, 20, 40, 230, 242]) is not None


def test_a_course_within_the_noise_is_none() -> None:
    """Where the way flown is hardly longer than its error, the course says nothing."""
    at_s = [4.0 * n for n in range(8)]
    assert measured(10, 90, at_s, accuracy_m=20.0) is not None
    assert measured(10, 90, at_s, accuracy_m=500.0) is None
    assert measured(3, 90, at_s, accuracy_m=1.0) is None  # slower than walking
    # An unknown accuracy is a radar's, 150 m, of which both positions have their own.
    assert measured(10, 90, at_s, accuracy_m=None) is None
    assert measured(60, 90, at_s, accuracy_m=None) is not None


def test_a_measured_course_is_as_sure_as_its_positions() -> None:
    """One sigma of the course is that of both positions over the way, and 3 degrees at least.

    The course of the chord is that of some time ago, and has wandered since.
    """
    near = measured(50, 90, [0, 20, 40], accuracy_m=100.0)
    sharp = measured(50, 90, [0, 20, 40], accuracy_m=1.0)
    assert near is not None
    assert sharp is not None
    wandered_deg = 0.55 * sqrt(20 / 2)
    positions_deg = degrees(atan2(sqrt(2) * 100, 1000))
    assert near.sigma_deg == pytest.approx(hypot(positions_deg, wandered_deg), rel=0.01)
    assert sharp.sigma_deg == pytest.approx(hypot(3.0, wandered_deg), rel=0.01)


@pytest.mark.parametrize("seed", [5])
def test_the_fan_widens_as_courses_wander(seed: int) -> None:
    """The spread of where a wandering course leads is that of a simulated one, within a tenth."""
    seconds, flights = 300, 400
    draw = random.Random(seed)
    bearings = []
    for _ in range(flights):
        course, east, north = draw.gauss(0.0, 3.0), 0.0, 0.0
        for _ in range(seconds // 5):
            course += draw.gauss(0.0, 0.55 * sqrt(5))
            east, north = east + sin(radians(course)), north + cos(radians(course))
        bearings.append(degrees(atan2(east, north)))
    assert Motion(50.0, 0.0, 3.0).spread_deg(seconds) == pytest.approx(pstdev(bearings), rel=0.1)
    assert Motion(50.0, 0.0, 3.0).spread_deg(0) == 3.0


def test_velocities_differ_as_vectors() -> None:
    """The difference of two velocities is the length of the vector between them."""
    east = Motion(30.0, 90.0, 3.0)
    assert east.differs_by_mps(Motion(40.0, 0.0, 3.0)) == pytest.approx(50.0)
    assert east.differs_by_mps(Motion(30.0, 270.0, 3.0)) == pytest.approx(60.0)
    assert east.differs_by_mps(Motion(30.0, 450.0, 3.0)) == pytest.approx(0.0)
