"""What stands at the end of a log: the newest message of each chain."""

from datetime import timedelta
from typing import Any

from builders import T0, place_alert
from receiving import story

from consumers.compaction import Compaction
from consumers.sink import Standing
from skyfence.contracts.alert import AlertMessage, PlaceLevel, Timeline
from skyfence.naming import Environment

MINUTE = timedelta(minutes=1)


def message(level: PlaceLevel, step: int, episode: int = 1, **changes: Any) -> AlertMessage:
    """Return a step of an episode of AA-1."""
    given = {"environment": Environment.EXERCISE, "episode": episode, **changes}
    return AlertMessage(alert=place_alert(level, step, **given), timeline=Timeline())


def standing(*messages: AlertMessage) -> list[Standing]:
    """Return what stands after some messages."""
    compaction = Compaction()
    for each in messages:
        compaction.add(each)
    assert compaction.count == len(messages)
    return compaction.standing()


def test_the_newest_step_of_a_place_stands() -> None:
    """Whatever its level, and for whatever was repeated after it."""
    first, second, end = message("prepare", 1), message("shelter", 2), message("clear", 3)
    for given in ([first, second, end], [first, second, end, first, second]):
        (stands,) = standing(*given)
        assert (stands.message, stands.incidents) == (end, (end.alert.incident_id,))


def test_a_later_episode_stands_for_those_before() -> None:
    """Their identifiers are told, its own last, so that a sink knows whom it warned."""
    first, end, again = message("prepare", 1), message("clear", 2), message("prepare", 1, episode=2)
    (stands,) = standing(first, end, again, end)
    assert stands.message == again
    assert stands.incidents == (first.alert.incident_id, again.alert.incident_id)


def test_episodes_that_are_counted_anew_go_on() -> None:
    """After lost state an episode has a lower number, and what is later in time stands."""
    old = message("shelter", 1, episode=7)
    new = message("prepare", 1, episode=1, at=T0 + 60 * MINUTE)
    assert [each.message for each in standing(old, new)] == [new]
    stale = message("prepare", 1, episode=1, at=T0 - 60 * MINUTE)
    assert [each.message for each in standing(old, stale)] == [old]


def test_what_stands_for_a_sound_sounds() -> None:
    """The message that rang is not sent: the quiet one after it rings in its place."""
    rang, quiet = message("shelter", 1), message("shelter", 2, notify="quiet")
    assert [each.message.alert.notify for each in standing(rang, quiet)] == ["sound"]
    before = message("clear", 3)
    later = message("watch", 1, episode=2, notify="quiet")
    assert [each.message.alert.notify for each in standing(rang, before, later)] == ["quiet"]


def test_runs_places_and_incidents_stand_apart() -> None:
    """In the order of what was last said of each."""
    live, drill = message("prepare", 1), message("prepare", 1, run="drill")
    incident = story()
    later = message("shelter", 2)
    stands = standing(live, drill, *incident, later)
    assert [each.message for each in stands] == [drill, incident[-1], later]
