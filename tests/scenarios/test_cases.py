"""Small recordings after public bug reports of neighbouring projects: what is right for each."""

import pytest
from scenarios.expectations import CASES_TABLE, Expectation
from scenarios.judged import CASES, Judge
from scenarios.marking import parameters


@pytest.mark.parametrize("expectation", parameters(CASES_TABLE))
def test_expected_of_a_case(expectation: Expectation, judge: Judge) -> None:
    """What is right for a small recording holds."""
    expectation.check(judge.result(CASES / f"{expectation.recording}.jsonl.gz"))
