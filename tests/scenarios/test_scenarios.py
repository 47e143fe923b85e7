"""Recordings of raids, birds, airliners and radars' faults: what a duty officer expects of each.

Large recordings are judged in part; with ``SKYFENCE_TEST_LONG=1`` they are judged whole.
"""

import os

import pytest
from scenarios.expectations import CASES_TABLE, EVERY, TABLE, VARIANTS, Expectation, expectations
from scenarios.judged import RECORDINGS, Judge
from scenarios.marking import parameters
from scenarios.not_yet import NOT_YET


@pytest.mark.parametrize("expectation", parameters(TABLE))
def test_expected_of_a_recording(expectation: Expectation, judge: Judge) -> None:
    """What a duty officer expects of a recording holds."""
    path = RECORDINGS / f"{expectation.recording}.jsonl.gz"
    every = 1 if os.environ.get("SKYFENCE_TEST_LONG") else EVERY.get(expectation.recording, 1)
    expectation.check(judge.result(path, every))


def test_each_recording_has_expectations() -> None:
    """No recording lies there without anything being expected of it."""
    names = {path.name.removesuffix(".jsonl.gz") for path in RECORDINGS.glob("*.jsonl.gz")}
    assert names - TABLE.keys() == {"altitude_flap"}  # judged with a ceiling of its own


def test_what_is_not_reached_is_expected() -> None:
    """Each line of what is not reached yet names an expectation."""
    names = {each.name for table in (TABLE, CASES_TABLE) for each in expectations(table)}
    assert set(NOT_YET) <= names | set(VARIANTS)
