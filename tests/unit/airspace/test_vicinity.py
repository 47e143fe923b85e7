"""Which squares of the map lie near the protected border: the same whatever was asked before."""

import numpy as np
from builders import airspace, zone

from skyfence.airspace.vicinity import BorderVicinity

SKY = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)))
WITHIN_M = 60_000.0
# From the middle of a square to its corner at the equator, and what a lower bound is too small by.
SLACK_M = 8_000.0 + 0.03 * WITHIN_M


def vicinity() -> BorderVicinity:
    return BorderVicinity(SKY.protected_border_bounds_m, WITHIN_M)


def test_a_square_is_near_by_the_distance_of_its_middle() -> None:
    """What is clearly within the distance is near, what is clearly beyond is not."""
    random = np.random.default_rng(15)
    lons, lats = random.uniform(24.0, 31.0, 2_000), random.uniform(54.0, 59.0, 2_000)
    near = vicinity().contains(lons, lats)
    metres = np.array(SKY.protected_borders(list(zip(lons, lats, strict=True))))[:, 0]
    assert near[metres < WITHIN_M - SLACK_M].all()
    assert not near[metres > WITHIN_M + SLACK_M].any()
    assert 0 < near.sum() < 2_000


def test_the_answer_hangs_on_the_place_alone() -> None:
    """Asked for many at once or one by one, first or again, a place's answer is the same."""
    random = np.random.default_rng(16)
    lons, lats = random.uniform(25.5, 29.5, 200), random.uniform(55.0, 58.0, 200)
    together, alone = vicinity(), vicinity()
    expected = together.contains(lons, lats).tolist()
    single = [alone.contains(lons[[row]], lats[[row]]).item() for row in reversed(range(200))]
    assert single[::-1] == expected
    assert together.contains(lons, lats).tolist() == expected


def test_the_edges_of_the_map_have_squares() -> None:
    """The poles and the antimeridian are places like any other."""
    assert (
        not vicinity().contains(np.array([-180.0, 180.0, 0.0]), np.array([-90.0, 90.0, 90.0])).any()
    )
