"""Rings are looked at as arrays first, and one position after the other where that is not sure."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from skyfence.zones import outline_checks

NUMBERS = st.one_of(
    st.integers(-200, 200),
    st.floats(-181, 181),
    st.sampled_from([math.nan, math.inf, 10**400, True, None, "7", -180.0, 180, 90, -90.0]),
)
POSITIONS = st.one_of(st.lists(NUMBERS, max_size=4), st.sampled_from([None, "7", (1, 2)]))
RINGS: st.SearchStrategy[Any] = st.one_of(
    st.lists(POSITIONS, max_size=6), st.sampled_from([None, "1234", {}])
)
EASTERN = st.tuples(st.floats(170, 181), st.floats(80, 91)).map(list)
ANYWHERE = st.tuples(st.floats(-181, 181), st.floats(-91, 91)).map(list)
PLAIN = st.one_of(st.lists(EASTERN, min_size=3), st.lists(ANYWHERE, min_size=3))


def is_right(ring: Any) -> bool:
    """Tell whether nothing is wrong with a ring, position by position."""
    return not (outline_checks._malformed(ring) or outline_checks._misplaced(ring))


@given(RINGS)
def test_what_is_taken_as_an_array_is_right(ring: Any) -> None:
    """Nothing passes at once that would not pass on a second look."""
    if outline_checks._is_good(ring, anywhere=False):
        assert is_right(ring)


@given(PLAIN)
def test_what_is_right_is_taken_as_an_array(ring: list[list[float]]) -> None:
    """A ring of numbers alone, closed or not, is judged alike at once and on a second look."""
    for each in (ring, [*ring, ring[0]]):
        assert outline_checks._is_good(each, anywhere=False) == is_right(each)
