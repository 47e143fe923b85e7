"""Grid, legs and paths against plain shapely: a small part of ``bench/exactness.py``."""

import numpy as np
import pytest
from exactness import (
    Case,
    Count,
    check_common_covers,
    check_points,
    default_case,
    points_of,
    run,
    segments_of,
)

from skyfence.airspace.grid import Grid

SEED = 20240907


@pytest.fixture(scope="module")
def default() -> Case:
    return default_case()


@pytest.mark.parametrize("seed", [SEED])
def test_no_answer_differs_from_shapely(default: Case, seed: int) -> None:
    """Sets, common covers, cuts and paths are those of testing every area every time."""
    counts = run(default, 1_200, seed)
    assert min(count.compared for count in counts.values()) > 50
    assert [example for count in counts.values() for example in count.examples] == []
    assert sum(count.unclear for count in counts.values()) <= 5


class Blind(Grid):
    """A grid that overlooks the borders."""

    def _border_cells(self, corner: object) -> np.ndarray:
        return np.zeros_like(super()._border_cells(corner))  # type: ignore[arg-type]


def test_a_grid_that_overlooks_a_border_is_found_out(default: Case) -> None:
    """The comparison sees differences where there are some."""
    random = np.random.default_rng(SEED)
    default.grid = Blind(default.airspace)
    count = Count()
    for points in points_of(default, random, 100).values():
        check_points(default, points, count)
    assert count.different > 20
    count = Count()
    check_common_covers(default, segments_of(default, random, 100), count)
    assert count.different > 20
