"""Expectations as parameters of a test, those not reached yet as strict failures."""

import pytest
from _pytest.mark import ParameterSet
from scenarios.checks import Check
from scenarios.expectations import expectations
from scenarios.not_yet import NOT_YET


def parameters(table: dict[str, dict[str, Check]]) -> list[ParameterSet]:
    """Return a parameter for each expectation of a table."""
    return [
        pytest.param(expectation, id=expectation.name, marks=_marks(expectation.name))
        for expectation in expectations(table)
    ]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name not in NOT_YET:
        return []
    return [pytest.mark.xfail(strict=True, reason=NOT_YET[name], raises=AssertionError)]


def named(name: str) -> ParameterSet:
    """Return an expectation's name as a parameter, strict while ``not_yet`` names it."""
    return pytest.param(name, id=name, marks=_marks(name))
