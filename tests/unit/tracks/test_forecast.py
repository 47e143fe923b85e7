"""The forecast: how soon and how likely, against geometry worked out by hand."""

from collections.abc import Callable
from math import radians, sin, sqrt

import pytest
import shapely
from builders import airspace, world, zone
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import distance_m
from skyfence.tracks.forecast import Arrival, Forecast, forecast
from skyfence.tracks.motion import Motion

LAT = 56.5
# A border that runs north for 200 km, so that east of it no ray misses.
LONG = airspace(zone("AA", (27.0, 55.5, 32.0, 57.5)))
WEIGHTS = (0.316, 0.239, 0.239, 0.103, 0.103)


def always(seconds: float) -> Callable[[str], float]:
    """Return a policy's look-ahead that is the same for zones of all kinds."""
    return lambda kind: seconds


def ahead(
    over: Airspace,
    lon: float,
    motion: Motion,
    look_ahead_s: float = 300.0,
    lat: float = LAT,
) -> Forecast:
    """Look ahead from a place."""
    held = over.covering(lon, lat)
    return forecast(over, (lon, lat), motion, always(look_ahead_s), held)


def spread_deg(seconds: float) -> float:
    """Return one sigma of a reported course's bearing: 3 degrees, and what it wanders."""
    return sqrt(3.0**2 + 0.55**2 * seconds / 3)


def east(speed_mps: float) -> Motion:
    return Motion(speed_mps, 90.0, 3.0)


@pytest.mark.parametrize("speed", [50, 100, 250])
@pytest.mark.parametrize("share_of_horizon", [0.1, 0.5, 0.9])
def test_straight_at_the_border(speed: int, share_of_horizon: float) -> None:
    """Flying at a long border, all of the fan arrives, after distance over speed."""
    per_degree = distance_m(26.0, LAT, 27.0, LAT)
    lon = 27.0 - share_of_horizon * 300 * speed / per_degree
    arrival = ahead(LONG, lon, east(speed)).border
    assert arrival is not None
    assert arrival.share == pytest.approx(1.0) or share_of_horizon > 0.8
    assert arrival.seconds == pytest.approx(300 * share_of_horizon, abs=1.0)


def test_the_look_ahead_ends_it() -> None:
    """What would arrive a second after the look-ahead does not arrive at all; 0 switches off."""
    seconds = distance_m(26.9, LAT, 27.0, LAT) / 100
    assert ahead(LONG, 26.9, east(100), seconds + 1).border == Arrival(round(seconds), 1.0)
    assert ahead(LONG, 26.9, east(100), seconds - 1).border is None
    assert ahead(LONG, 26.9, east(100), 0.0) == Forecast(None, None, {})


@pytest.mark.parametrize("course", [180, 270, 0])
def test_who_does_not_fly_there_does_not_arrive(course: int) -> None:
    """Away from the border, or along it farther off than the fan is wide, nothing is foreseen."""
    assert ahead(LONG, 26.9, Motion(100.0, course, 3.0)).border is None


@pytest.mark.parametrize(
    ("offset_m", "rays"), [(5_500, 0), (4_500, 1), (2_600, 1), (2_200, 2), (100, 2)]
)
def test_along_the_border(offset_m: int, rays: int) -> None:
    """Flying along it, only those rays arrive that slant more than the border is far."""
    seconds, speed = 300, 100.0
    per_degree = distance_m(26.5, LAT, 27.5, LAT)
    slants = [1.5 * spread_deg(seconds), 0.75 * spread_deg(seconds)]
    reached = [slant for slant in slants if speed * seconds * sin(radians(slant)) > offset_m]
    assert len(reached) == rays  # the case is what it says
    result = ahead(LONG, 27.0 - offset_m / per_degree, Motion(speed, 0.0, 3.0), seconds, lat=56.4)
    if not rays:
        assert result.border is None
        return
    weights = [0.103, 0.239][:rays]
    times = [offset_m / (speed * sin(radians(slant))) for slant in reached]
    middle = sum(w * t for w, t in zip(weights, times, strict=True)) / sum(weights)
    assert result.border is not None
    assert result.border.share == pytest.approx(sum(weights))
    assert result.border.seconds == pytest.approx(middle, abs=2.0)


def test_the_middle_ray_says_when() -> None:
    """Where the course itself arrives, its time is told, not a mean with slanting rays."""
    metres = distance_m(26.9, LAT, 27.0, LAT)
    wide = Motion(100.0, 90.0, 30.0)
    arrival = ahead(LONG, 26.9, wide, 1_000).border
    assert arrival is not None
    assert arrival.seconds == round(metres / 100)


def test_a_narrow_place_is_reached_by_the_middle_alone() -> None:
    """A strip that is narrower than the fan is reached with the weight of the ray that meets it."""
    strip = airspace(zone("AA", (27.0, LAT - 0.002, 27.5, LAT + 0.002)))
    arrival = ahead(strip, 26.7, east(100)).border
    assert arrival is not None
    assert arrival.share == WEIGHTS[0]
    assert arrival.seconds == pytest.approx(distance_m(26.7, LAT, 27.0, LAT) / 100, abs=1.0)


def test_an_unsure_course_is_a_wider_fan() -> None:
    """The same strip is likelier to be met by a course that is known better."""
    strip = airspace(zone("AA", (27.0, LAT - 0.01, 27.5, LAT + 0.01)))
    shares = [
        arrival.share
        for sigma in (1.0, 5.0, 20.0)
        if (arrival := ahead(strip, 26.9, Motion(100.0, 90.0, sigma), 100).border) is not None
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]


def test_inside_there_is_no_border_ahead() -> None:
    """What is in the protected airspace has no border before it, and its own regions are not."""
    over = Airspace(world())
    result = ahead(over, 27.2, east(100), 1_800, lat=56.4)
    assert result.border is None
    assert set(names(over, result)) >= {"BB-1"}
    assert "AA-1" not in names(over, result)


def names(over: Airspace, result: Forecast) -> dict[str, Arrival]:
    return {over.zones[area].id: arrival for area, arrival in (result.regions or {}).items()}


def test_each_region_has_its_own_time() -> None:
    """Regions that lie behind one another are reached one after the other."""
    over = Airspace(world())
    result = ahead(over, 26.9, east(100), 900, lat=56.4)
    arrivals = names(over, result)
    assert result.border is not None
    assert result.border_area == over.protected
    assert arrivals["AA-1"].seconds == result.border.seconds == 62
    metres = distance_m(26.9, 56.4, 28.0, 56.4)
    assert arrivals["BB-1"].seconds == pytest.approx(metres / 100, abs=3)
    assert arrivals["AA-1"].share > arrivals["AA-2"].share > 0


def test_only_members_regions_are_ahead() -> None:
    """A region of a neighbour who is no member is nobody's to warn."""
    foreign = zone("XX-1", (26.0, 56.0, 27.0, 57.0), kind="region", country="XX", nato=False)
    own = zone("AA-1", (27.0, 56.0, 28.0, 57.0), kind="region", country="AA")
    over = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)), own, foreign)
    assert set(names(over, ahead(over, 25.95, east(100), 1_800))) == {"AA-1"}


def test_each_kind_has_its_own_look_ahead() -> None:
    """The border is looked for as far as its kind says, regions as far as theirs."""
    over = Airspace(world())
    seconds = {"nation": 30.0, "region": 1_800.0}
    result = forecast(over, (26.9, 56.25), east(100), seconds.__getitem__, frozenset())
    assert result.border is None
    assert "AA-1" in names(over, result)
    seconds = {"nation": 300.0, "region": 0.0}
    late = forecast(over, (26.9, 56.25), east(100), seconds.__getitem__, frozenset())
    assert late.border is not None
    assert late.regions == {}


def test_where_the_border_is_unlikely_regions_are_not_sought() -> None:
    """From outside, with no likely arrival at the border there is nobody to name."""
    over = Airspace(world())
    away, look = Motion(100.0, 270.0, 3.0), always(1_800.0)
    result = forecast(over, (26.9, 56.25), away, look, frozenset(), likely=0.1)
    assert result == Forecast(None, None, None)


def test_a_zone_with_limits_is_met_by_itself() -> None:
    """A member's zone with a floor is no part of the union, and may be reached before it."""
    limits = {"floor_m": 300.0, "vertical_ref": "amsl"}
    layer = zone("AA-R", (26.5, 56.0, 26.8, 57.0), kind="area", country="AA", **limits)
    over = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)), layer)
    result = ahead(over, 26.4, east(200), 300)
    assert result.border_area is not None
    assert over.zones[result.border_area].id == "AA-R"
    assert result.border is not None
    assert result.border.seconds == pytest.approx(distance_m(26.4, LAT, 26.5, LAT) / 200, abs=1.0)


@pytest.mark.parametrize(
    ("area", "lon", "course"),
    [
        (shapely.box(-179.9, 55.5, -175.0, 57.5), 179.8, 90.0),
        (shapely.box(175.0, 55.5, 179.9, 57.5), -179.8, 270.0),
        (shapely.box(-179.9, 55.5, -175.0, 57.5) | shapely.box(170, 55.5, 171, 57.5), 179.8, 90.0),
    ],
    ids=["eastwards", "westwards", "with a part behind"],
)
def test_over_the_antimeridian(area: BaseGeometry, lon: float, course: float) -> None:
    """What lies beyond 180 degrees is as near as it is."""
    result = ahead(airspace(zone("AA", area)), lon, Motion(100.0, course, 3.0))
    metres = distance_m(179.8, LAT, -179.9, LAT)
    assert result.border is not None
    assert (result.border.seconds, result.border.share) == (round(metres / 100), 1.0)


def test_a_missile_is_looked_at_no_farther_than_500_km() -> None:
    """However fast it is, rays end where the earth's curve would make them wrong."""
    far = airspace(zone("AA", (35.0, 50.0, 40.0, 62.0)))
    assert distance_m(26.5, LAT, 35.0, LAT) > 500_000
    assert ahead(far, 26.5, east(7_000)).border is None
    near = ahead(far, 30.0, east(7_000)).border
    assert near is not None
    assert near.seconds == pytest.approx(distance_m(30.0, LAT, 35.0, LAT) / 7_000, abs=1.0)


def test_nothing_protected_nothing_foreseen() -> None:
    """Without members' zones there is no border to reach."""
    neighbour = airspace(zone("XX", (27.0, 56.0, 28.0, 57.0), nato=False))
    assert ahead(neighbour, 26.9, east(100)) == Forecast(None, None, {})
