"""Evidence: how sure it is that an object is inside, report by report."""

from math import erf, exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyfence.evidence import Belief, log_odds, probability, sigma_m
from skyfence.rules import Rules

RULES = Rules()


def phi(z: float) -> float:
    return 0.5 * (1.0 + erf(z / sqrt(2.0)))


@given(st.integers(-400, 400))
def test_one_report_says_what_a_normal_error_says(depth_m: int) -> None:
    """The probability is within 3e-4 of Phi(depth / sigma), without any transcendental function."""
    odds = log_odds(depth_m, 100.0)
    assert abs(1 / (1 + exp(-odds)) - phi(depth_m / 100)) < 3e-4


@given(st.floats(-1e6, 1e6), st.floats(0.1, 1e5))
def test_deeper_is_never_less_sure(depth_m: float, sigma: float) -> None:
    """Log odds grow with depth, mirror at the border, and no report counts beyond five sigma."""
    assert log_odds(depth_m + 1, sigma) >= log_odds(depth_m, sigma)
    assert log_odds(-depth_m, sigma) == -log_odds(depth_m, sigma)
    assert abs(log_odds(depth_m, sigma)) <= log_odds(5 * 1e9, 1e9) + 1e-9


def test_sigma_joins_report_and_border() -> None:
    """Both errors count; a report that names none is taken for a radar's at 100 km."""
    assert sigma_m(30.0, 40.0, RULES) == 50.0
    assert sigma_m(None, 0.0, RULES) == RULES.unknown_accuracy_m


def test_the_bounds_are_the_probabilities_they_claim() -> None:
    """2.2 is P = 0.9 and 6.2 is P = 0.998."""
    assert probability(RULES.possible_odds) == 0.9
    assert probability(RULES.confirmed_odds) == 0.998
    assert round(log(0.9 / 0.1), 1) == RULES.possible_odds


def believe(depths: list[float], every_s: float = 4.0, sigma: float = 100.0) -> Belief:
    belief = Belief()
    for number, depth in enumerate(depths):
        belief.weigh(round(number * every_s * 1000), log_odds(depth, sigma), RULES)
    return belief


def test_a_deep_report_confirms_at_once() -> None:
    """Three sigma inside is beyond doubt by one report, whatever was before."""
    assert believe([-5_000.0] * 100 + [300.0]).is_in(RULES.confirmed_odds)


def test_a_shallow_report_does_not() -> None:
    """One sigma inside is not even possible by itself, after a time outside."""
    assert not believe([-500.0] * 20 + [100.0]).is_in(RULES.possible_odds)


def test_shallow_reports_add_up() -> None:
    """Half a minute a sigma inside is possible, two minutes of a little more are sure."""
    assert believe([100.0] * 9).is_in(RULES.possible_odds)
    assert believe([150.0] * 31).is_in(RULES.confirmed_odds)


def test_many_reports_in_a_moment_count_no_more_than_a_few() -> None:
    """Reports that share their error add little, however many there are."""
    quick, slow = believe([50.0] * 80, every_s=0.1), believe([50.0] * 3)
    assert abs(quick.odds - slow.odds) < 0.5


def test_leaving_is_slower_than_entering() -> None:
    """Two sigma outside does not end what two sigma inside began; five sigma does at once."""
    belief = believe([200.0] * 10)
    assert belief.is_in(RULES.possible_odds)
    assert not believe([200.0] * 10 + [-200.0] * 3).is_out(RULES)
    assert believe([200.0] * 10 + [-500.0]).is_out(RULES)
    assert believe([200.0] * 10 + [-350.0] * 60).is_out(RULES)


def test_what_spoke_for_outside_is_let_go_on_entry() -> None:
    """After an entry one report a little outside does not end it, though all before were far."""
    belief = believe([-5_000.0] * 50 + [200.0])
    belief.settle_inside()
    belief.weigh(51 * 4_000, log_odds(-100.0, 100.0), RULES)
    assert not belief.is_out(RULES)


@pytest.mark.parametrize("every_s", [1.0, 4.0, 12.0])
def test_the_rate_of_reports_matters_little(every_s: float) -> None:
    """A minute at the same depth weighs about the same from a fast sensor and a slow one."""
    count = round(60 / every_s)
    assert abs(believe([60.0] * count, every_s).odds - believe([60.0] * 15).odds) < 1.5
