"""How many objects a place is told of while sources' tracks are not joined yet."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from builders import clock, track_event
from radars import Drone, Radar, at
from words import ENGLISH

from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment

NATIONS = {"AA-1": "AA", "AA-2": "AA"}
HERE = {"lat": 56.25, "lon": 27.1}
FLYING = {"ground_speed_mps": 50.0, "course_deg": 90.0}


def decisions() -> AlertDecisions:
    return AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators, nations=NATIONS)


def told(*sources: Sequence[TrackTopicEvent], region: str = "AA-1") -> list[PlaceAlert]:
    """Return what a region hears of sources' events in order of time."""
    events = sorted((event for source in sources for event in source), key=lambda event: event.time)
    return take(decisions(), *events, region=region)


def take(
    deciding: AlertDecisions, *events: TrackTopicEvent, region: str = "AA-1"
) -> list[PlaceAlert]:
    messages = [message for event in events for message in deciding.process(event)]
    return [each for each in messages if isinstance(each, PlaceAlert) and each.place == region]


def abreast(number: int) -> dict[str, Drone]:
    """Return drones in line abreast, 900 m apart; each is told of three seconds after another."""
    return {str(n): Drone(north_m=900.0 * n, from_s=14.0 + 3 * n) for n in range(number)}


@pytest.mark.parametrize("sources", ["ab", "abc"])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_no_more_objects_are_counted_than_fly(number: int, sources: str) -> None:
    """However many radars see drones, their number is counted, and never more."""
    radars = [Radar(name, starts_s=10 + n, earlier=4) for n, name in enumerate(sources)]
    alerts = told(*(radar.events(abreast(number), n) for n, radar in enumerate(radars)))
    assert max(alert.objects for alert in alerts) == alerts[-1].objects == number


def test_what_may_be_counted_already_warns_at_once() -> None:
    """A place that only the second radar's track concerns is warned in the same instant."""
    deciding = decisions()
    take(deciding, track_event("entered", 1, at=at(10), source="a", object=FLYING, **HERE))
    second = track_event(
        "entered", 1, at=at(11), source="b", object=FLYING, regions=("AA-2",), **HERE
    )
    (alert,) = take(deciding, second, region="AA-2")
    assert (alert.level, alert.objects, alert.notify) == ("shelter", 1, "sound")


@pytest.mark.parametrize(
    ("changes", "after_s"),
    [
        ({"source": "b", "lat": 56.27}, 15),
        ({"source": "b", "object": FLYING | {"course_deg": 270.0}}, 0),
        ({"source": "b", "lat": 56.5}, 0),
        ({"source": "a", "track_id": "T2"}, 0),
    ],
    ids=["beside it", "another course", "elsewhere", "the same radar"],
)
def test_what_is_not_joined_in_time_counts(changes: dict[str, object], after_s: int) -> None:
    """A second object near one of another radar counts after 15 s, any other one at once."""
    deciding = decisions()
    take(deciding, *(clock(at(0), source) for source in "ab"))
    take(deciding, track_event("entered", 1, at=at(10), source="a", object=FLYING, **HERE))
    given = {"object": FLYING} | HERE | changes
    alerts = take(deciding, track_event("entered", 1, at=at(11), **given))
    for seconds in range(12, 40):
        alerts += take(deciding, *(clock(at(seconds), source) for source in "ab"))
    counted = [alert for alert in alerts if alert.objects == 2]
    assert counted[0].known - at(11) == timedelta(seconds=after_s)
    assert counted[0].notify == "sound"


def test_two_that_one_radar_shows_are_two_at_once() -> None:
    """The second track of a radar that shows as many as another counts without waiting."""
    deciding = decisions()
    counts = list[int]()
    for seconds, source, track in ((10, "b", "2"), (11, "a", "1"), (12, "b", "1"), (13, "a", "2")):
        event = track_event(
            "entered", 1, at=at(seconds), source=source, track_id=track, object=FLYING, **HERE
        )
        counts += [alert.objects for alert in take(deciding, event)]
    assert counts == [1, 2]
