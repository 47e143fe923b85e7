"""Outlines: their crossings found, cut at the antimeridian without losing or gaining ground."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon

from skyfence.geometry.polygons import (
    OutlineError,
    area_m2,
    cut,
    densified,
    mended,
    on_map,
    self_crossings,
    unrolled,
    width_m,
)

BOW = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def over(points: Sequence[tuple[float, float]]) -> Polygon:
    """Return a polygon as a file writes it that knows no longitude beyond 180."""
    return Polygon([on_map(point) for point in points])


@pytest.mark.parametrize(
    ("area", "places"),
    [
        (BOW, [(0.5, 0.5)]),
        (Polygon([(0, 0), (4, 0), (4, 1), (1, -1), (0.5, 1), (0, 1)]), [(0.75, 0), (2.5, 0)]),
        (Polygon([(0, 0), (2, 0), (2, 1), (3, 1), (2, 1), (2, 2), (0, 2)]), [(2.5, 1)]),
        (MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]), [(1, 2), (2, 1)]),
    ],
)
def test_every_crossing_is_found(area: Polygon, places: list[tuple[float, float]]) -> None:
    """A bow, two crossings, a spike and parts that overlap are each found where they are."""
    assert self_crossings(area) == places


def test_touching_is_no_crossing() -> None:
    """A hole that touches the border in a corner of its own, and a plain box, cross nowhere."""
    touched = Polygon([(0, 0), (4, 0), (4, 4), (0, 4), (0, 2)], [[(0, 2), (1, 1), (1, 3)]])
    assert touched.is_valid
    assert self_crossings(touched) == []
    assert self_crossings(shapely.box(0, 0, 1, 1)) == []


def test_what_needs_no_cut_is_left_alone() -> None:
    """An area within -180..180 comes back as the very same object."""
    area = shapely.box(170, 60, 180, 61)
    assert cut(unrolled(area)) is area


corners = st.lists(st.floats(0.3, 1.0), min_size=3, max_size=12)


@given(
    radii=corners,
    centre=st.sampled_from([180.0, -180.0, 179.5, -179.2]),
    lat=st.floats(-70, 70),
)
def test_a_cut_moves_no_ground(radii: list[float], centre: float, lat: float) -> None:
    """A star across the antimeridian holds the points that it holds anywhere else on the map."""
    angles = np.linspace(0, 2 * math.pi, len(radii), endpoint=False)
    star = [
        (radius * math.cos(angle), lat + radius * math.sin(angle))
        for radius, angle in zip(radii, angles, strict=True)
    ]
    made = cut(unrolled(over([(lon + centre, lat) for lon, lat in star])))
    assert made.is_valid
    assert -180 <= made.bounds[0] <= made.bounds[2] <= 180
    home = Polygon(star)
    for x in np.linspace(-1.03, 1.03, 13):
        for y in np.linspace(-1.03, 1.03, 13):
            point = shapely.Point(x, lat + y)
            if home.boundary.distance(point) > 1e-9:
                moved = shapely.Point(on_map((x + centre, lat + y)))
                assert made.intersects(moved) == home.contains(point)


def test_holes_go_with_their_shell() -> None:
    """A hole beyond the antimeridian is cut out of the part that it lies in."""
    shell = [(178, 60), (182, 60), (182, 64), (178, 64)]
    hole = [on_map(point) for point in ((180.5, 61), (181.5, 61), (181.5, 63), (180.5, 63))]
    made = cut(unrolled(Polygon([on_map(point) for point in shell], [hole])))
    assert made.area == pytest.approx(16 - 2)
    assert not made.contains(shapely.Point(-179, 62))
    assert made.contains(shapely.Point(-178.2, 62))


def test_longitudes_that_run_on() -> None:
    """A file that writes 181 means what one that writes -179 does."""
    points = [(179, 60), (181, 60), (181, 61), (179, 61)]
    assert cut(unrolled(Polygon(points))).equals(cut(unrolled(over(points))))


@pytest.mark.parametrize("lat", [70, -70])
def test_round_a_pole(lat: float) -> None:
    """A ring round a pole becomes the whole cap, which no edge crosses at one go."""
    made = cut(unrolled(Polygon([(0, lat), (90, lat), (180, lat), (-90, lat)])))
    assert isinstance(made, Polygon)
    assert made.is_valid
    assert made.bounds == (-180.0, min(lat, 90 * lat / 70), 180.0, max(lat, 90 * lat / 70))
    assert made.area == pytest.approx(360 * 20)
    steps = np.abs(np.diff(shapely.get_coordinates(made.exterior)[:, 0]))
    assert steps.max() <= 180


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ([(0, 10), (120, -10), (-120, 10)], "goes round the world and not round one pole"),
        ([(100, 80), (0, 90), (-100, 80)], "goes round a pole and has a corner there"),
        ([(-180, 60), (180, 60), (180, 70), (-180, 70)], "an edge goes all the way round"),
    ],
)
def test_an_outline_whose_inside_cannot_be_told_is_refused(
    points: Sequence[tuple[float, float]], reason: str
) -> None:
    """An outline whose inside is anybody's guess is refused rather than guessed."""
    with pytest.raises(OutlineError, match=reason):
        unrolled(Polygon(points))


def test_mending_keeps_ground() -> None:
    """Repair of a bow keeps both wings; of ground gone round twice, that ground."""
    assert mended(BOW).area == pytest.approx(0.5)
    twice = Polygon([(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (2, 0), (2, 2), (0, 2)])
    assert mended(twice).area == pytest.approx(16)


def test_densified_mends_nothing() -> None:
    """Corners are added on the edges alone: a bow stays a bow, and invalid."""
    made = densified(BOW, 0.1)
    assert not made.is_valid
    assert self_crossings(made) or shapely.is_valid_reason(made).startswith("Self-intersection")
    steps = np.diff(shapely.get_coordinates(made), axis=0)
    assert np.hypot(*steps.T).max() <= 0.1 + 1e-12
    box = shapely.box(0, 0, 3, 1)
    assert densified(box, 0.7).equals(box)


def test_measures() -> None:
    """A degree square at the equator has its known area, and a strip its width."""
    assert area_m2(shapely.box(0, 0, 1, 1)) == pytest.approx(12_308_778_361, rel=1e-6)
    assert width_m(shapely.box(0, 0, 1, 0.001)) == pytest.approx(110.6, rel=2e-3)
