"""A held message's states, and what its deadline means."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, place_alert
from words import ENGLISH

from skyfence.contracts.alert import PlaceLevel, Timeline
from skyfence.contracts.channel_message import PublicAlertMessage
from skyfence.naming import Environment
from skyfence.operators.public_release import PendingRelease, at_deadline, hold, is_stale
from skyfence.operators.public_text import public_alert
from skyfence.policy.policy import PublicRules

RULES = PublicRules(deadline_s=60.0)


def message(environment: Environment = Environment.ACTUAL, **changes: Any) -> PublicAlertMessage:
    """Return a region's public message, with changes."""
    public = public_alert(place_alert(environment=environment), {}, ENGLISH.public)
    assert public is not None
    return PublicAlertMessage(alert=public.model_copy(update=changes), timeline=Timeline())


def held(state: str = "held", **changes: Any) -> PendingRelease:
    """Return a message that is held until a minute after T0, or what became of it."""
    given = {"state": state, "message": message(**changes), "deadline": T0 + timedelta(minutes=1)}
    return PendingRelease.model_validate(given)


def test_the_first_step_waits_as_long_as_the_policy_says() -> None:
    """The deadline counts from when the desk held it."""
    pending = hold(message(), None, RULES, T0)
    assert pending is not None
    assert (pending.state, pending.deadline) == ("held", T0 + timedelta(seconds=60))


def test_a_newer_step_keeps_the_deadline() -> None:
    """News does not give those who decide more time."""
    pending = hold(message(step=2), held(step=1), RULES, T0 + timedelta(seconds=50))
    assert pending is not None
    assert (pending.message.alert.step, pending.deadline) == (2, T0 + timedelta(seconds=60))


def test_after_a_withdrawal_a_new_step_is_a_new_question() -> None:
    """What comes after something withdrawn is held again, with a deadline of its own."""
    pending = hold(message(step=2), held("withdrawn", step=1), RULES, T0 + timedelta(hours=1))
    assert pending is not None
    assert (pending.state, pending.deadline) == ("held", T0 + timedelta(hours=1, seconds=60))


@pytest.mark.parametrize("state", ["held", "withdrawn"])
def test_after_a_withdrawal_a_quiet_step_asks_nobody(state: str) -> None:
    """A detail of what was withdrawn is no new question; one of what still waits replaces it."""
    pending = hold(message(step=2, notify="quiet"), held(state, step=1), RULES, T0)
    assert pending is not None
    assert pending.state == state


@pytest.mark.parametrize("levels", [("prepare", "shelter"), ("shelter", "watch", "prepare")])
def test_after_a_withdrawal_a_quiet_rise_is_a_new_question(levels: tuple[PlaceLevel, ...]) -> None:
    """A step at a higher level than the one before it is held, though it comes quietly."""
    withdrawn: PendingRelease | None = held("withdrawn", step=1, level=levels[0])
    for step, level in enumerate(levels[1:], 2):
        assert withdrawn is not None
        assert withdrawn.state == "withdrawn"
        withdrawn = hold(message(step=step, level=level, notify="quiet"), withdrawn, RULES, T0)
    assert withdrawn is not None
    assert (withdrawn.state, withdrawn.message.alert.step) == ("held", len(levels))


def test_what_was_handed_over_before_is_no_rise() -> None:
    """Steps that come again, as after a crash, ask nobody: each is compared with the last."""
    withdrawn = held("withdrawn", step=1, level="shelter")
    for step, level in ((2, "prepare"), (3, "watch")):
        quiet = message(step=step, level=level, notify="quiet")
        next_withdrawn = hold(quiet, withdrawn, RULES, T0)
        assert next_withdrawn is not None
        withdrawn = next_withdrawn
    assert hold(message(step=2, level="prepare", notify="quiet"), withdrawn, RULES, T0) is None


@pytest.mark.parametrize("state", ["held", "withdrawn", "released"])
def test_a_step_is_asked_about_once(state: str) -> None:
    """A step that is handed over again, or an older one, changes nothing."""
    assert hold(message(step=2), held(state, step=2), RULES, T0) is None
    assert hold(message(step=1), held(state, step=2), RULES, T0) is None


@pytest.mark.parametrize(
    ("after", "response", "state"),
    [
        ("release", "Prepare", "releasing"),
        ("withdraw", "Shelter", "withdrawing"),
        ("release-shelter", "Shelter", "releasing"),
        ("release-shelter", "Prepare", "withdrawing"),
    ],
)
def test_at_the_deadline_the_policy_decides(after: Any, response: str, state: str) -> None:
    """What nobody has decided on becomes what the policy says."""
    rules = PublicRules(after_deadline=after)
    assert at_deadline(held(response_type=response), rules) == state


@pytest.mark.parametrize(
    ("state", "decided", "then"),
    [
        ("held", False, "held"),
        ("releasing", True, "released"),
        ("released", False, "released"),
        ("withdrawing", True, "withdrawn"),
        ("withdrawn", False, "withdrawn"),
    ],
)
def test_a_decision_stands_before_it_is_carried_out(state: str, decided: bool, then: str) -> None:
    """What was decided and not done yet is known from the state."""
    pending = held(state)
    assert (pending.is_decided, pending.once_done) == (decided, then)


def test_only_what_is_real_grows_stale() -> None:
    """An actual message is stale from its expiry on; an exercise replays old times."""
    actual, exercise = message().alert, message(Environment.EXERCISE).alert
    assert not is_stale(actual, actual.expires - timedelta(milliseconds=1))
    assert is_stale(actual, actual.expires)
    assert not is_stale(exercise, exercise.expires + timedelta(days=700))
