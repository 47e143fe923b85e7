"""The verdict of fault runs: places' episodes are compared as well as incidents' chains."""

from collections.abc import Sequence
from datetime import timedelta

from builders import T0
from verdict import Message, judge, place_episodes, together

from skyfence.contracts.alert import PlaceAlert, PlaceLevel
from skyfence.identity import derive

PLACE = "AA-1"


def episode(number: int, *levels: PlaceLevel, ends_s: float = 600.0) -> list[PlaceAlert]:
    """Return the messages of an episode, a minute apart; its clear stands since ``ends_s``."""
    chain = derive("episode", PLACE, str(number))
    return [
        PlaceAlert(
            alert_id=derive("message", str(chain), str(step)),
            incident_id=chain,
            channel=f"exercise:alerts:{PLACE}",
            step=step,
            status="Exercise",
            message_type="Cancel" if level == "clear" else "Alert",
            response_type="AllClear" if level == "clear" else "Prepare",
            urgency="Expected",
            severity="Severe",
            certainty="Likely",
            time=T0 + timedelta(seconds=ends_s if level == "clear" else 60.0 * step),
            known=T0 + timedelta(seconds=900.0),
            expires=T0 + timedelta(hours=1),
            headline="a headline",
            instruction="an instruction",
            description="a description",
            place=PLACE,
            place_kind="region",
            run="run",
            episode=number,
            level=level,
            objects=1,
        )
        for step, level in enumerate(levels, 1)
    ]


def verdict_of(heard: Sequence[Message], expected: Sequence[Message]) -> tuple[bool, int]:
    """Return whether the verdict holds, and how many episodes differ."""
    verdict = judge({PLACE: heard}, expected)
    return verdict.holds, len(verdict.episodes)


def test_more_steps_of_the_same_episode_are_no_difference() -> None:
    """An episode that rose in two steps and one that rose in one are the same."""
    slow = episode(1, "watch", "prepare", "shelter", "clear")
    assert verdict_of(slow, episode(1, "shelter", "clear")) == (True, 0)


def test_a_level_that_was_not_reached_is_a_difference() -> None:
    """An episode without its shelter is another one."""
    calm = episode(1, "prepare", "clear")
    assert verdict_of(calm, episode(1, "shelter", "clear")) == (False, 2)


def test_an_end_at_another_time_is_a_difference() -> None:
    """An all-clear a minute early, or none, makes another episode."""
    expected = episode(1, "prepare", "clear")
    assert verdict_of(episode(1, "prepare", "clear", ends_s=540.0), expected) == (False, 2)
    assert verdict_of(episode(1, "prepare"), expected) == (False, 2)


def test_an_episode_too_many_is_a_difference() -> None:
    """A place that was clear in between has two episodes."""
    heard = [*episode(1, "prepare", "clear"), *episode(2, "prepare", "clear")]
    assert verdict_of(heard, episode(1, "prepare", "clear")) == (False, 1)
    assert len(place_episodes(heard)) == 2


def test_a_missing_step_of_a_place_is_disorder() -> None:
    """A subscriber who misses a step of an episode has not heard all of it."""
    heard = episode(1, "watch", "prepare", "clear")
    assert not judge({PLACE: [heard[0], heard[2]]}, heard).holds


def test_what_is_wrong_in_one_run_is_wrong_in_all() -> None:
    """Runs are judged each by itself, and hold together only where each does."""
    whole = judge({PLACE: episode(1, "shelter", "clear")}, episode(1, "shelter", "clear"))
    cut = judge({PLACE: episode(1, "shelter")}, episode(1, "shelter", "clear"))
    assert together([whole, whole]).holds
    assert not together([whole, cut]).holds
    assert together([whole, cut]).place_messages == whole.place_messages + cut.place_messages
