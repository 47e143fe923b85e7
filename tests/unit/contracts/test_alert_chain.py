"""The fields that all messages of chains have in common."""

from datetime import timedelta
from uuid import UUID

import pytest
from builders import T0

from skyfence.contracts.alert import alert_id
from skyfence.contracts.alert_chain import CapWords, ChainFields, chain_fields
from skyfence.naming import Environment

CHAIN = UUID(int=7)
CAP = CapWords(
    message_type="Update",
    response_type="Monitor",
    urgency="Expected",
    severity="Moderate",
    certainty="Likely",
)


def fields(environment: Environment = Environment.ACTUAL, step: int = 3) -> ChainFields:
    return chain_fields(
        environment=environment,
        chain_id=CHAIN,
        channel="alerts:AA",
        step=step,
        cap=CAP,
        time=T0,
        expires=T0 + timedelta(hours=1),
        headline="A drone left Aland",
        instruction="Stand down.",
    )


def test_a_step_refers_to_all_earlier_ones() -> None:
    """The identifiers of a chain follow from what it is about, its channel and the steps."""
    steps = [fields(step=step) for step in (1, 2, 3)]
    ids = [alert_id(CHAIN, "alerts:AA", step) for step in (1, 2, 3)]
    assert [step["alert_id"] for step in steps] == ids
    assert [step["references"] for step in steps] == [(), (ids[0],), (ids[0], ids[1])]
    assert {step["incident_id"] for step in steps} == {CHAIN}


@pytest.mark.parametrize(
    ("environment", "status", "headline"),
    [
        (Environment.ACTUAL, "Actual", "A drone left Aland"),
        (Environment.EXERCISE, "Exercise", "EXERCISE: A drone left Aland"),
    ],
)
def test_an_exercise_says_so_in_its_status_and_its_headline(
    environment: Environment, status: str, headline: str
) -> None:
    """Nobody who makes a message has to think of the mark."""
    made = fields(environment)
    assert (made["status"], made["headline"]) == (status, headline)


def test_words_and_times_are_the_maker_s() -> None:
    """CAP's words, the instruction and both times pass through as they are."""
    made = fields()
    assert CapWords(**{name: made[name] for name in CapWords.__dataclass_fields__}) == CAP  # type: ignore[literal-required]
    assert (made["time"], made["expires"]) == (T0, T0 + timedelta(hours=1))
    assert made["instruction"] == "Stand down."
