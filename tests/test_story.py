"""A track's story with the protected airspace, from the entry to the end."""

import pytest
import shapely
from builders import T0, beat, packed, seen, world, zone

from skyfence.airspace import Airspace
from skyfence.channels import Environment
from skyfence.frame import Frame
from skyfence.report import Report
from skyfence.rules import Rules
from skyfence.track_event import TrackEvent
from skyfence.tracking import Tracker
from skyfence.zones import Zone, zone_set

WORLD = Airspace(world())
HOUR_S = 3600
OUT, IN = seen(0, 26.99), seen(10, 27.01)  # crosses from XX into AA-1 at 5 s


def space(*zones: Zone) -> Airspace:
    return Airspace(zone_set([zones]))


def tell(*items: Report | Frame, over: Airspace = WORLD) -> list[TrackEvent]:
    """Tell the story of the items, each a frame of its own."""
    by = Tracker(over, Environment.EXERCISE)
    frames = [packed(item) if isinstance(item, Report) else item for item in items]
    events = [event for frame in frames for event in by.take(frame).events]
    return [one for one in events if isinstance(one, TrackEvent) and one.kind != "sighted"]


def kinds(events: list[TrackEvent]) -> list[tuple[str, float]]:
    return [(event.kind, (event.time - T0).total_seconds()) for event in events]


def test_entered_says_where_and_from_where() -> None:
    """The first event names nation and region, and the neighbour from which the track came."""
    (entered,) = tell(OUT, IN)
    assert (entered.kind, entered.opened, entered.number) == ("entered", IN.time, 1)
    assert entered.confidence == "confirmed"
    assert (entered.nations, entered.regions) == (("AA",), ("AA-1",))
    assert entered.other_side == ("XX",)
    assert (entered.lon, entered.lat) == (27.0, 56.25)
    assert entered.last_seen == IN.time


def test_moving_to_another_region() -> None:
    """A track that flies on into the next region has moved, as of the report that shows it."""
    track = [seen(0, 26.99, 56.48), seen(10, 27.01, 56.49), seen(20, 27.01, 56.52)]
    events = tell(*track, seen(30, 27.02, 56.53))
    (moved,) = [event for event in events if "place" in event.changes]
    assert (moved.kind, moved.regions, moved.nations) == ("updated", ("AA-2",), ("AA",))
    assert (moved.lon, moved.lat) == (27.01, 56.52)


def test_moving_to_another_member_is_no_exit() -> None:
    """From one member to the next a track has moved; it has left nothing that is protected."""
    track = [OUT, IN, *(seen(10 + 10 * n, 27.01 + n / 10) for n in range(1, 12))]
    events = tell(*track)
    assert {event.kind for event in events[1:]} == {"updated"}
    (moved,) = [event for event in events if "place" in event.changes]
    assert (moved.nations, moved.regions) == (("BB",), ("BB-1",))


def test_a_jitter_along_a_line_between_regions_does_not_flap() -> None:
    """A region is entered within its accuracy of the line, and left only at twice that."""
    region = {"kind": "region", "country": "AA", "accuracy_m": 500.0}
    over = space(
        zone("AA", (27.0, 56.0, 28.0, 57.0)),
        zone("AA-1", (27.0, 56.0, 28.0, 56.5), **region),
        zone("AA-2", (27.0, 56.5, 28.0, 57.0), **region),
    )
    lats = [56.49, 56.497, 56.503, 56.4975, 56.508, 56.502, 56.52]  # 0.0045 degrees are 500 m
    track = [seen(10 * n, 27.01 + n / 1000, lat) for n, lat in enumerate(lats)]
    events = tell(seen(-10, 26.99, 56.48), *track, over=over)
    assert [event.regions for event in events] == [("AA-1",), ("AA-1", "AA-2"), ("AA-2",)]


def test_exited_says_where_to() -> None:
    """Leaving the airspace is told at the border, with the nation and region it left."""
    _, exited = tell(OUT, IN, seen(20, 26.97))
    assert kinds([exited]) == [("exited", 12.5)]
    assert (exited.nations, exited.regions, exited.other_side) == (("AA",), ("AA-1",), ("XX",))
    assert (exited.lon, exited.depth_m) == (27.0, 620)


def test_entering_again_before_the_all_clear() -> None:
    """What comes back within two minutes goes on with its story; the all-clear counts anew."""
    again = [seen(20, 26.99), seen(70, 26.98), seen(120, 26.99), seen(130, 27.01)]
    events = tell(OUT, IN, *again, seen(140, 26.99), beat(HOUR_S))
    assert [one for one in kinds(events)[1:] if one[0] != "threatened"] == [
        ("exited", 15.0),
        ("entered", 125.0),
        ("exited", 135.0),
        ("cleared", 255.0),
    ]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert {event.opened for event in events} == {IN.time}


def test_entering_again_after_the_all_clear() -> None:
    """What comes back after the all-clear begins another story."""
    events = tell(OUT, IN, seen(20, 26.99), beat(136), seen(150, 26.99), seen(160, 27.01))
    assert kinds(events)[2:] == [("cleared", 135.0), ("entered", 155.0)]
    assert [event.number for event in events[2:]] == [3, 1]
    assert events[2].opened < events[3].opened


def test_lost_reacquired_and_expired() -> None:
    """A lost track keeps its story; seen again it goes on; unseen for six hours it expires."""
    events = tell(OUT, IN, seen(300, 27.02), beat(HOUR_S), beat(7 * HOUR_S))
    assert kinds(events)[1:] == [
        ("lost", 70.0),
        ("reacquired", 300.0),
        ("lost", 360.0),
        ("expired", 360.0 + 6 * HOUR_S),
    ]
    assert {(event.nations, event.regions) for event in events} == {(("AA",), ("AA-1",))}


def test_seen_again_in_another_region() -> None:
    """A track that is seen again elsewhere names the region it is in now."""
    events = tell(OUT, IN, seen(300, 27.02, 56.6))
    assert [event.regions for event in events] == [("AA-1",), ("AA-1",), ("AA-2",)]


def test_exited_stays_exited_when_the_track_is_lost() -> None:
    """A track that has left and falls silent outside is cleared, not lost."""
    assert kinds(tell(OUT, IN, seen(20, 26.99), beat(HOUR_S)))[1:] == [
        ("exited", 15.0),
        ("cleared", 135.0),
    ]


def test_a_story_closed_by_expiry_can_begin_again() -> None:
    """After the expiry the same track that enters again is another story."""
    later = 8 * HOUR_S
    events = tell(OUT, IN, beat(7 * HOUR_S), seen(later, 26.99), seen(later + 10, 27.01))
    assert [event.kind for event in events][2:] == ["expired", "entered"]
    assert events[2].opened < events[3].opened


def test_what_leaves_and_comes_back_between_two_reports_has_not_left() -> None:
    """A path that cuts through a bay of the outer border between two reports tells no exit."""
    bay = shapely.difference(shapely.box(27, 56, 28, 57), shapely.box(27.03, 56.2, 27.04, 57))
    track = [OUT, IN, seen(20, 27.06), seen(30, 27.07)]
    kinds_told = {event.kind for event in tell(*track, over=space(zone("AA", bay)))}
    assert kinds_told <= {"entered", "updated"}


def test_what_leaves_twice_between_two_reports_has_left_once() -> None:
    """A path out, in again and out between two reports is one exit, at the last border."""
    strip = shapely.difference(shapely.box(27, 56, 27.06, 57), shapely.box(27.03, 56.2, 27.04, 57))
    _, exited = tell(OUT, IN, seen(22, 27.07), over=space(zone("AA", strip)))
    assert kinds([exited]) == [("exited", 20.0)]
    assert exited.lon == 27.06


def test_a_clip_between_two_reports_is_told_whole() -> None:
    """An object that was inside only between two reports entered the nearest nation, and left."""
    entered, exited = tell(seen(0, 26.99, 56.01), seen(12, 27.02, 55.995))
    assert (entered.kind, exited.kind) == ("entered", "exited")
    assert (entered.nations, entered.regions) == (("AA",), ("AA-1",))
    assert exited.depth_m == 278


def test_depth_is_that_of_the_whole_story() -> None:
    """The depth that events carry never shrinks within a story, and begins anew with the next."""
    track = [OUT, seen(10, 27.05), seen(20, 26.99), seen(30, 27.01), seen(40, 26.99)]
    depths = [event.depth_m for event in tell(*track, seen(300, 26.99), seen(310, 27.01))]
    assert depths == [3099, 3099, 3099, 3099, 3099, 620]


def test_a_region_is_sought_near_an_entry_where_none_lies() -> None:
    """Where the regions' file has a gap at the border, the nearest within 20 km is told."""
    nation = zone("AA", (27.0, 56.0, 28.0, 57.0))
    for west, told in ((27.2, ("AA-1",)), (27.5, ())):
        region = zone("AA-1", (west, 56.0, 28.0, 57.0), kind="region", country="AA")
        (entered,) = tell(OUT, IN, over=space(nation, region))
        assert entered.regions == told


@pytest.mark.parametrize("rules", [Rules(clear_after_ms=30_000), Rules(expire_after_ms=60_000)])
def test_rules_are_obeyed(rules: Rules) -> None:
    """The times of all-clear and expiry are those of the rules given."""
    by = Tracker(WORLD, Environment.EXERCISE, rules=rules)
    for report in (OUT, IN, *([seen(20, 26.99)] if rules.clear_after_ms == 30_000 else [])):
        by.take(packed(report))
    ends = [one for one in by.take(beat(HOUR_S)).events if isinstance(one, TrackEvent)]
    expected = ("cleared", 45.0) if rules.clear_after_ms == 30_000 else ("expired", 130.0)
    assert kinds(ends)[-1] == expected
