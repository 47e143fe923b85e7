"""Floors, ceilings and validity: closed, and inside where anything is in doubt."""

from itertools import pairwise

import pytest
from builders import T0_MS, zone
from hypothesis import given
from hypothesis import strategies as st

from skyfence.zones.limits import Limits, Profile, Side, limits_of
from skyfence.zones.zone_file import VerticalRef

MINUTE_MS = 60_000
REFS: tuple[VerticalRef, ...] = ("amsl", "wgs84", "pressure", "agl")
BOX = (27.0, 56.0, 28.0, 57.0)


def limits(**properties: object) -> Limits:
    limits = limits_of(zone("A", BOX, **properties))
    assert limits is not None
    return limits


def band(ref: VerticalRef, low: float | None = 1_000.0, high: float | None = 3_000.0) -> Limits:
    return limits(floor_m=low, ceiling_m=high, vertical_ref=ref)


def test_a_zone_without_limits_has_none() -> None:
    """No floor, no ceiling and no times: nothing to look at."""
    assert limits_of(zone("A", BOX)) is None


@pytest.mark.parametrize("ref", REFS)
def test_over_one_reference_limits_are_exact(ref: VerticalRef) -> None:
    """Floor and ceiling belong to the zone, as its border; a hair beyond is outside."""
    for altitude_m, expected in [
        (999.9, Side.OUTSIDE),
        (1_000.0, Side.BORDER),
        (1_000.1, Side.INSIDE),
        (3_000.0, Side.BORDER),
        (3_000.1, Side.OUTSIDE),
    ]:
        assert band(ref).side(T0_MS, altitude_m, ref) is expected
        assert band(ref).holds(T0_MS, altitude_m, ref) == (expected is not Side.OUTSIDE)


@pytest.mark.parametrize(
    ("zone_ref", "ref", "lowest", "highest"),
    [
        ("amsl", "wgs84", 890, 3_110),
        ("wgs84", "amsl", 890, 3_110),
        ("amsl", "pressure", 400 / 1.1, 3_600 / 0.9),
        ("pressure", "amsl", 400 / 1.1, 3_600 / 0.9),
        ("pressure", "wgs84", 290 / 1.1, 3_710 / 0.9),
        ("agl", "amsl", 570, 11_849),
        ("amsl", "agl", -7_849, 3_430),
    ],
)
def test_over_two_references_what_they_may_differ_is_allowed_for(
    zone_ref: VerticalRef, ref: VerticalRef, lowest: float, highest: float
) -> None:
    """A reading counts as inside down and up to where no weather or ground can put it inside."""
    zone_limits = band(zone_ref)
    for altitude_m, expected in [
        (lowest - 0.1, False),
        (lowest + 0.1, True),
        (highest - 0.1, True),
        (highest + 0.1, False),
    ]:
        assert zone_limits.holds(T0_MS, altitude_m, ref) is expected


# How much height over mean sea level may exceed a reading over each reference, metres.
TRUTH: dict[VerticalRef, tuple[float, float]] = {
    "amsl": (0, 0),
    "wgs84": (-107, 86),  # metres of the geoid, whichever its sign
    "pressure": (-550, 550),
    "agl": (-420, 8_849),
}


@given(
    st.sampled_from(REFS),
    st.sampled_from(REFS),
    st.floats(-500, 20_000),
    st.data(),
)
def test_what_may_be_inside_is_never_outside(
    zone_ref: VerticalRef, ref: VerticalRef, altitude_m: float, data: st.DataObject
) -> None:
    """In any weather, geoid and ground, an object that is truly inside counts as inside."""
    true_m = altitude_m
    if ref != zone_ref:
        true_m += data.draw(st.floats(*TRUTH[ref])) - data.draw(st.floats(*TRUTH[zone_ref]))
    if ref != zone_ref and "pressure" in (ref, zone_ref):
        true_m += data.draw(st.floats(-0.08, 0.08)) * altitude_m
    for limit in (
        band(zone_ref, true_m - 1, true_m + 1),
        band(zone_ref, true_m, None),
        band(zone_ref, None, true_m),
    ):
        assert limit.holds(T0_MS, altitude_m, ref)


def test_what_is_not_known_is_inside() -> None:
    """Without a height every height is possible; without its reference every reference is."""
    zone_limits = band("amsl")
    assert zone_limits.holds(T0_MS, None, None)
    assert zone_limits.holds(T0_MS, 3_900.0, None)  # by pressure it may be
    assert zone_limits.holds(T0_MS, -7_800.0, None)  # above ground it may be
    assert not zone_limits.holds(T0_MS, 4_100.0, None)


def test_validity_is_closed() -> None:
    """A zone is valid from its first instant to its last, both on its border."""
    zone_limits = limits(valid_from="2024-09-07T03:58:00Z", valid_until="2024-09-07T03:59:00Z")
    expected = [Side.OUTSIDE, Side.BORDER, Side.INSIDE, Side.INSIDE, Side.BORDER, Side.OUTSIDE]
    times = [-1, 0, 1, MINUTE_MS - 1, MINUTE_MS, MINUTE_MS + 1]
    assert [zone_limits.side(T0_MS + ms, None, None) for ms in times] == expected


def test_both_limits_must_hold() -> None:
    """At the right height at the wrong time is outside, and the other way round."""
    zone_limits = limits(floor_m=500.0, vertical_ref="amsl", valid_from="2024-09-07T03:58:00Z")
    assert zone_limits.holds(T0_MS + 1, 600.0, "amsl")
    assert not zone_limits.holds(T0_MS - 1, 600.0, "amsl")
    assert not zone_limits.holds(T0_MS + 1, 400.0, "amsl")


def flight(start_m: float | None, end_m: float | None, **refs: VerticalRef | None) -> Profile:
    given = {"start_ref": "amsl", "end_ref": "amsl"} | refs
    return Profile(T0_MS, T0_MS + MINUTE_MS, start_m, end_m, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (flight(0, 4_000), [0.25, 0.75]),
        (flight(4_000, 0), [0.25, 0.75]),
        (flight(1_500, 2_500), []),
        (flight(0, 500), []),
        (flight(1_000, 1_000), []),
        (flight(0, 1_000), []),  # it reaches the floor and no more
        (flight(0, None), [0.0, 1.0]),
        (flight(0, 500, end_ref="pressure"), [0.0, 1.0]),
        (flight(0, 5_500, start_ref="pressure", end_ref="pressure"), [400 / 6050, 4_000 / 5_500]),
    ],
)
def test_a_climb_passes_floor_and_ceiling(profile: Profile, expected: list[float]) -> None:
    """The cuts are where the height passes a limit; both ends where the height is not known."""
    assert band("amsl").cuts(profile) == pytest.approx(expected)


def test_validity_begins_on_the_way() -> None:
    """The instants when a zone becomes valid and ends are cuts."""
    zone_limits = limits(valid_from="2024-09-07T03:58:15Z", valid_until="2024-09-07T03:58:45Z")
    assert zone_limits.cuts(flight(0, 0)) == pytest.approx([0.25, 0.75])


heights = st.none() | st.floats(0, 5_000)
refs = st.none() | st.sampled_from(REFS)


@given(heights, heights, refs, refs, st.sampled_from(REFS))
def test_between_two_cuts_nothing_changes(
    start_m: float | None,
    end_m: float | None,
    start_ref: VerticalRef | None,
    end_ref: VerticalRef | None,
    zone_ref: VerticalRef,
) -> None:
    """Within each stretch between cuts every instant has one side."""
    profile = Profile(
        T0_MS, T0_MS + MINUTE_MS, start_m, end_m, start_ref=start_ref, end_ref=end_ref
    )
    zone_limits = band(zone_ref)
    for low, high in pairwise([0.0, *zone_limits.cuts(profile), 1.0]):
        if high - low > 1e-9:
            shares = [low + (high - low) * n / 8 for n in range(1, 8)]
            assert len({zone_limits.side_on(profile, share) for share in shares}) == 1
