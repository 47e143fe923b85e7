"""The grid: cells and sets, pages made when asked for, moves that meet nothing, lower bounds."""

import random

import numpy as np
import pytest
import shapely
from builders import airspace, zone
from exactness import sets_of
from random_areas import on_grid, star

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.grid import BOUNDARY, Grid
from skyfence.geometry.geodesy import legs
from skyfence.geometry.paged_table import PAGE_BLOCKS, PageTable, RowStore
from skyfence.geometry.rasterize import regions_of, supercover

CELL = 0.0025
EAST_WEST = airspace(
    zone("E", (178.0, 50.0, 180.0, 60.0)),
    zone("W", (-180.0, 50.0, -178.0, 60.0)),
    zone("NORTH", (-180.0, 80.0, 180.0, 90.0), nato=False),
)


def at(grid: Grid, space: Airspace, *points: tuple[float, float]) -> list[frozenset[int]]:
    lons, lats = np.array(points, dtype=float).T
    return [grid.members(number) for number in sets_of(grid, space, lons, lats).tolist()]


def moves(grid: Grid, *pairs: tuple[tuple[float, float], tuple[float, float]]) -> list[int]:
    ends = np.array(pairs, dtype=float).reshape(-1, 4).T
    covers = grid.common_cover(grid.cells(*ends[:2]), grid.cells(*ends[2:]))
    return [int(cover) for cover in covers]


def test_sets_are_interned() -> None:
    """Equal sets have one number, whatever their order; the empty one is 0."""
    grid = Grid(airspace())
    assert grid.set_id([]) == 0
    assert grid.set_id([3, 5]) == grid.set_id({5, 3}) != grid.set_id([3])
    assert grid.members(grid.set_id([5, 3])) == {3, 5}
    assert grid.set_id([7]) == 3


@pytest.mark.parametrize("place", [(np.nan, 1.0), (1.0, np.nan), (180.1, 1.0), (1.0, -90.1)])
def test_no_cell_is_made_up(place: tuple[float, float]) -> None:
    """A point outside of the world is refused."""
    lons, lats = np.array([[3.0, 4.0], place]).T
    with pytest.raises(ValueError, match="leaves longitude"):
        Grid(airspace()).cells(lons, lats)


def test_no_points_have_no_cells() -> None:
    """Without points there are no cells and no covers."""
    grid, none = Grid(EAST_WEST), np.empty(0)
    x, y = grid.cells(none, none)
    assert len(grid.common_cover((x, y), (x, y))) == 0


def test_the_edges_of_the_map_are_exact() -> None:
    """At 180 degrees and at the poles, corners included, the sets are those of the point itself."""
    places = [
        (lon, lat)
        for lon in (-180.0, -179.99999, -178.0, 0.0, 178.0, 179.99999, 180.0)
        for lat in (-90.0, -89.99999, 50.0, 55.0, 60.0, 80.0, 89.99999, 90.0)
    ]
    grid = Grid(EAST_WEST)
    assert at(grid, EAST_WEST, *places) == [EAST_WEST.covering(*place) for place in places]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cell_deg", [CELL, 0.02])
def test_cells_tell_what_covers_them(seed: int, cell_deg: float) -> None:
    """A cell with a set lies in its areas and meets no other; one at a border has none."""
    source = random.Random(seed)
    areas = [shapely.transform(star(source, 1.0), lambda p: p / 20 + 20) for _ in range(3)]
    areas.append(on_grid(source, 16 * cell_deg))
    space = airspace(*(zone(f"Z{n}", area, nato=False) for n, area in enumerate(areas)))
    grid = Grid(space, cell_deg)
    lons = np.array([source.uniform(19.8, 20.6) for _ in range(300)])
    lats = np.array([source.uniform(19.8, 20.6) for _ in range(300)])
    x, y = grid.cells(lons, lats)
    covers = grid.common_cover((x, y), (x, y))
    for column, row, cover in zip(x.tolist(), y.tolist(), covers.tolist(), strict=True):
        west, south = column * cell_deg - 180, row * cell_deg - 90
        cell = shapely.box(west, south, west + cell_deg, south + cell_deg)
        border = [area.boundary.distance(cell) < 1e-9 for area in areas]
        if cover == BOUNDARY:
            near = [area.boundary.distance(cell) < 4e-9 for area in areas]
            assert any(near)
        else:
            assert not any(border)
            assert grid.members(cover) == {n for n, area in enumerate(areas) if area.covers(cell)}


def test_pages_are_made_when_first_asked_for() -> None:
    """Each page is made once, and none without need."""
    made: list[tuple[int, int]] = []
    store = RowStore(PAGE_BLOCKS**2, np.int32)

    def make(column: int, row: int) -> int:
        made.append((column, row))
        return store.append(np.full((1, PAGE_BLOCKS**2), 10 * column + row))

    table = PageTable(300, 200, make)
    assert made == []
    x = np.array([0, 63, 64, 299, 0], dtype=np.int32)
    y = np.array([0, 63, 0, 199, 64], dtype=np.int32)
    for _ in range(2):
        positions = table.positions(x, y)
        assert store.values[positions].tolist() == [0, 0, 10, 43, 1]
    assert sorted(made) == [(0, 0), (0, 1), (1, 0), (4, 3)]


# One member from 27 to 28 degrees east; cells are 0.0025 degrees wide.
BOX = airspace(zone("A", (27.0, 56.0, 28.0, 57.0)))
INSIDE = frozenset(BOX.covering(27.5, 56.5))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((27.5, 56.5), (27.5, 56.5), INSIDE),
        ((27.5, 56.5), (27.57, 56.53), INSIDE),
        ((26.5, 56.5), (26.43, 56.47), frozenset()),
        ((27.014, 56.5), (27.012, 56.509), INSIDE),  # in blocks that the border meets
        ((26.986, 56.5), (26.984, 56.509), frozenset()),
        ((26.999, 56.5), (27.001, 56.5), None),  # across
        ((26.99, 56.01), (27.01, 55.99), None),  # across the corner
        ((26.994, 55.9999), (27.006, 55.994), None),  # past the corner, in cells around it
        ((27.5, 56.5), (27.59, 56.5), None),  # too far: it may be cut into legs
        ((27.5, 56.5), (27.5, 56.55), None),
        ((27.0, 56.5), (27.0, 56.5), None),  # on the border itself
    ],
)
def test_moves_that_meet_nothing(
    start: tuple[float, float], end: tuple[float, float], expected: frozenset[int] | None
) -> None:
    """A move is told apart from one that may meet a border, in both directions."""
    grid = Grid(BOX)
    for number in moves(grid, (start, end), (end, start)):
        assert (None if number == BOUNDARY else grid.members(number)) == expected


def test_a_move_over_the_edge_of_a_page_is_no_other() -> None:
    """Where pages join (every 1.28 degrees), short moves are judged like anywhere else."""
    grid = Grid(BOX)
    lon = -180 + 1.28 * 161
    assert 26.0 < lon < 26.2
    assert moves(grid, ((lon - 0.01, 56.5), (lon + 0.01, 56.5))) == [grid.set_id([])]


def test_pages_are_made_a_few_at_a_time() -> None:
    """With a limit the pages of most moves are made first; moves on the others are unknown."""
    grid = Grid(EAST_WEST)
    lons, lats = np.array([27.0, 10.0, 10.1, 50.0]), np.array([56.0, 40.0, 40.1, 20.0])
    start, end = grid.cells(lons, lats), grid.cells(lons + 0.01, lats)
    whole = Grid(EAST_WEST).common_cover(start, end).tolist()
    assert BOUNDARY not in whole
    rounds = [grid.common_cover(start, end, 1).tolist() for _ in range(3)]
    assert rounds[0] == [BOUNDARY, whole[1], whole[2], BOUNDARY]
    assert rounds[1].count(BOUNDARY) == 1
    assert rounds[2] == whole


def test_the_lower_bound_is_nothing_until_its_page_is_made() -> None:
    """On a page that there was no time to make, nothing counts as far from the border."""
    grid = Grid(BOX)
    x, y = grid.cells(np.array([10.0, 40.0]), np.array([50.0, 40.0]))
    first, second = (grid.protected_border_bounds_m(x, y, 1) for _ in range(2))
    assert np.count_nonzero(first) == 1
    assert second.tolist() == grid.protected_border_bounds_m(x, y).tolist()
    assert np.all(second > 0)


def test_a_move_over_the_antimeridian_has_no_common_cover() -> None:
    """Its segment is cut there, so its cover is unknown."""
    grid = Grid(EAST_WEST)
    assert moves(grid, ((179.999, 55.0), (-179.999, 55.0))) == [BOUNDARY]
    assert moves(grid, ((179.999, 0.0), (-179.999, 0.0))) == [BOUNDARY]


@pytest.mark.parametrize("lat", [0.0, 56.0, 85.0, 89.97])
def test_a_move_with_a_common_cover_is_one_leg(lat: float) -> None:
    """No segment between cells with a common cover is cut into legs, not even near a pole."""
    source, grid = random.Random(lat), Grid(airspace())
    seen = 0
    for _ in range(300):
        start = (source.uniform(20, 20.1), lat + source.uniform(-0.03, 0.03))
        end = (start[0] + source.uniform(-0.1, 0.1), min(start[1] + source.gauss(0, 0.02), 90.0))
        if moves(grid, (start, end)) == [0]:
            seen += 1
            assert len(legs(*start, *end)) == 1
    assert seen > 30


def test_limits_are_told_by_set() -> None:
    """A set that holds an area with limits can be told from one that does not."""
    space = airspace(
        zone("A", (27.0, 56.0, 28.0, 57.0)),
        zone("R", (27.2, 56.2, 27.4, 56.4), nato=False, floor_m=500.0, vertical_ref="amsl"),
    )
    grid = Grid(space)
    sets = sets_of(grid, space, np.array([27.1, 27.3, 20.0]), np.array([56.3, 56.3, 56.3]))
    assert grid.have_limits(sets).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "space",
    [
        BOX,
        EAST_WEST,
        airspace(zone("POLE", (-180.0, 85.0, 180.0, 90.0)), zone("S", (10.0, -90.0, 30.0, -80.0))),
    ],
)
def test_the_lower_bound_holds(space: Airspace) -> None:
    """No point of a cell is nearer to the protected border than said, and most are not far off."""
    source = np.random.default_rng(20240907)
    corners = shapely.get_coordinates(space.outline(space.protected or 0))
    near = corners[source.integers(0, len(corners), 150)] + source.normal(0, 0.5, (150, 2))
    spread = np.vstack((near, source.uniform((-180, -90), (180, 90), (150, 2))))
    lons, lats = np.clip(spread, (-180, -90), (180, 90)).T
    grid = Grid(space)
    least = grid.protected_border_bounds_m(*grid.cells(lons, lats))
    for lon, lat, bound_m in zip(lons.tolist(), lats.tolist(), least.tolist(), strict=True):
        distance_m, _ = space.protected_border(lon, lat)
        assert bound_m <= distance_m
        assert bound_m > 0.9 * distance_m - 4_000 or bound_m > 45_000 or distance_m < 4_000
        assert bound_m > 0.45 * distance_m or distance_m < 60_000


def test_without_members_no_border_is_near() -> None:
    """Where nothing is protected, its border is infinitely far."""
    grid = Grid(airspace(zone("A", (27.0, 56.0, 28.0, 57.0), nato=False)))
    x, y = grid.cells(np.array([27.0, -100.0]), np.array([56.0, 10.0]))
    assert grid.protected_border_bounds_m(x, y).tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("seed", range(12))
def test_no_cell_that_a_border_meets_is_missed(seed: int) -> None:
    """The cells that segments meet are those of plain geometry, save some within a touch more."""
    source = np.random.default_rng(seed)
    side, touch = 24, 1e-6
    starts = source.uniform(-4, side + 4, (40, 2))
    ends = starts + source.normal(0, 1, (40, 2)) * 10.0 ** source.uniform(-3, 1.2, (40, 1))
    segments = np.hstack((starts, ends))
    segments[::4] = np.round(segments[::4])  # through corners and along edges
    segments[1::4, 2] = segments[1::4, 0]  # upright
    segments[2::8, 3] = segments[2::8, 1]  # level
    met = supercover(segments, side, touch)
    lines = np.asarray(shapely.linestrings(segments.reshape(-1, 2, 2)))
    still = np.all(segments[:, :2] == segments[:, 2:], axis=1)
    lines[still] = shapely.points(segments[still, :2])
    for column, row in np.ndindex(side, side):
        distance = shapely.distance(lines, shapely.box(column, row, column + 1, row + 1)).min()
        if not 0.5 * touch < distance < 3 * touch:
            assert met[column, row] == (distance <= touch), (column, row, distance)


@pytest.mark.parametrize("seed", range(6))
def test_regions_and_distances(seed: int) -> None:
    """Free cells side by side share a region; no border cell is nearer than the distance says."""
    source = np.random.default_rng(seed)
    margin, block, side = 8, 4, 24
    border = source.random((side + 2 * margin,) * 2) < 0.02
    regions = regions_of(border, margin, block)
    inner = border[margin:-margin, margin:-margin]
    assert np.array_equal(regions.labels == 0, inner)
    both = (regions.labels[1:] > 0) & (regions.labels[:-1] > 0)
    assert np.array_equal(regions.labels[1:][both], regions.labels[:-1][both])
    assert [regions.labels[x, y] for x, y in regions.seeds.tolist()] == [
        *range(1, len(regions.seeds) + 1)
    ]
    for x, y in np.ndindex(side, side):
        for distance, scale in (
            (int(regions.distances[x, y]), 1),
            (int(regions.block_distances[x // block, y // block]), block),
        ):
            column, row = (x // scale * scale + margin, y // scale * scale + margin)
            reach = (distance - 1) * scale
            square = border[
                column - reach : column + reach + scale, row - reach : row + reach + scale
            ]
            assert not square.any()
            wider = border[
                max(column - reach - scale, 0) : column + reach + 2 * scale,
                max(row - reach - scale, 0) : row + reach + 2 * scale,
            ]
            assert wider.any() or distance * scale > margin
