"""Evidence: what one report, and what many together, say of a border being crossed."""

from math import erf, exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.evidence import Belief, log_odds, probability, sigma_m

RULES = DetectionParameters()
SECOND = 1000
DEPTHS = st.floats(-100_000, 100_000)
SIGMAS = st.floats(1, 5_000)


def phi(z: float) -> float:
    """Return the normal distribution function."""
    return (1.0 + erf(z / sqrt(2.0))) / 2.0


def weighed(*reports: tuple[float, float]) -> Belief:
    """Return what reports of these times (s) and log odds say together."""
    belief = Belief()
    for at_s, odds in reports:
        belief.update(round(at_s * SECOND), odds, RULES)
    return belief


@pytest.mark.parametrize("sigma", [1, 10, 150, 500])
def test_log_odds_are_those_of_the_normal_distribution(sigma: int) -> None:
    """Up to five sigma, the probability is Phi(depth / sigma): 0.00014 off, and what is rounded."""
    for depth in range(-5 * sigma, 5 * sigma + 1, max(1, sigma // 20)):
        odds = log_odds(depth, sigma)
        assert 1.0 / (1.0 + exp(-odds)) == pytest.approx(phi(depth / sigma), abs=2.7e-4)


def test_the_bounds_in_sigmas() -> None:
    """One report confirms at 2.86 sigma, makes possible at 1.29, ends a story at 4.73 outside."""
    assert log_odds(286, 100) >= RULES.confirmed_odds > log_odds(285, 100)
    assert log_odds(129, 100) >= RULES.possible_odds > log_odds(128, 100)
    assert log_odds(-473, 100) <= RULES.far_out_odds < log_odds(-472, 100)


@given(DEPTHS, SIGMAS)
def test_inside_and_outside_are_weighed_alike(depth: float, sigma: float) -> None:
    """A depth and the same distance outside say the same of opposite sides."""
    assert log_odds(-depth, sigma) == -log_odds(depth, sigma)


@given(DEPTHS, DEPTHS, SIGMAS)
def test_deeper_is_surer(first: float, other: float, sigma: float) -> None:
    """What is deeper by the same accuracy is never less likely inside."""
    shallow, deep = sorted((first, other))
    assert log_odds(shallow, sigma) <= log_odds(deep, sigma)


def test_no_report_is_believed_past_eight_sigma() -> None:
    """However deep, one report says no more than it would eight sigma deep."""
    assert log_odds(50_000, 10) == log_odds(80, 10)
    assert log_odds(-50_000, 10) == log_odds(-80, 10)


def test_rounded_depths_are_compared() -> None:
    """Depths in the same metre say the same, so that no processor's last bit tells."""
    assert log_odds(99.6, 150) == log_odds(100.4, 150)
    assert log_odds(0.4, 150) == log_odds(-0.4, 150) == 0.0


def test_an_accuracy_below_a_metre_is_one() -> None:
    """No sensor is believed to be better than a metre."""
    assert log_odds(2, 0.001) == log_odds(2, 1.0)


def test_sigma_joins_the_report_s_and_the_border_s() -> None:
    """Errors of the report and of the border are independent; an unknown one is a radar's."""
    assert sigma_m(30.0, 40.0, RULES) == 50.0
    assert sigma_m(None, 0.0, RULES) == RULES.unknown_accuracy_m
    assert sigma_m(0.0, 200.0, RULES) == 200.0


@given(st.floats(-40, 40))
def test_probability_undoes_log_odds(odds: float) -> None:
    """A published probability has three decimals and is that of the odds."""
    share = probability(odds)
    assert share == round(share, 3)
    assert share == pytest.approx(1.0 / (1.0 + exp(-odds)), abs=5.1e-4)
    if 0.01 < share < 0.99:
        assert log(share / (1.0 - share)) == pytest.approx(odds, abs=0.06)


@pytest.mark.parametrize("before", [-17.0, -40.0])
def test_one_deep_report_enters_at_once(before: float) -> None:
    """However long it was seen outside, one report deep inside is inside: enter fast."""
    belief = weighed(*((n, before) for n in range(60)), (60, log_odds(300, 100)))
    assert belief.odds < 0
    assert belief.is_in(RULES.confirmed_odds)


def test_two_shallow_reports_a_moment_apart_are_no_two_witnesses() -> None:
    """A sensor that errs once errs likewise a second later; half a minute later it is news."""
    odds = log_odds(150, 100)
    assert weighed((0, odds), (1, odds)).odds < 1.05 * odds
    assert weighed((0, odds), (30, odds)).odds > 1.3 * odds


def test_shallow_reports_confirm_in_time() -> None:
    """Two sigma deep is only possible at first, and is sure within two minutes of staying there."""
    odds = log_odds(200, 100)
    belief, confirmed_s = Belief(), None
    for at_s in range(0, 180, 4):
        belief.update(at_s * SECOND, odds, RULES)
        if confirmed_s is None and belief.is_in(RULES.confirmed_odds):
            confirmed_s = at_s
    assert not weighed((0, odds)).is_in(RULES.confirmed_odds)
    assert weighed((0, odds)).is_in(RULES.possible_odds)
    assert confirmed_s is not None
    assert 30 <= confirmed_s <= 120


def test_what_is_on_the_border_is_never_sure() -> None:
    """A track that stays half a sigma inside for an hour is neither confirmed nor out."""
    odds = log_odds(50, 100)
    belief = weighed(*((at_s, odds) for at_s in range(0, 3600, 4)))
    assert not belief.is_in(RULES.confirmed_odds)
    assert not belief.is_out(RULES)


def test_a_stray_report_outside_does_not_end_it() -> None:
    """One report three sigma outside after a minute inside says nothing: exit slow."""
    inside = [(at_s, log_odds(300, 100)) for at_s in range(0, 60, 4)]
    assert not weighed(*inside, (60, log_odds(-300, 100))).is_out(RULES)


def test_exit_is_slower_than_entry() -> None:
    """Four sigma inside counts with the first report, four sigma outside after minutes."""
    inside = [(at_s, log_odds(400, 100)) for at_s in range(0, 60, 4)]
    outside = [(60 + at_s, log_odds(-400, 100)) for at_s in range(0, 600, 4)]
    assert weighed(inside[0]).is_in(RULES.confirmed_odds)
    belief, out_s = weighed(*inside), None
    for at_s, odds in outside:
        belief.update(at_s * SECOND, odds, RULES)
        if out_s is None and belief.is_out(RULES):
            out_s = at_s - 60
    assert out_s is not None
    assert 60 <= out_s <= 240


def test_what_is_clearly_outside_ends_it() -> None:
    """Five sigma outside by two reports in a row, or eight by one, is out, whatever was before."""
    inside = [(at_s, log_odds(500, 100)) for at_s in range(0, 60, 4)]
    five, eight = log_odds(-500, 100), log_odds(-800, 100)
    assert not weighed(*inside, (60, five)).is_out(RULES)
    assert weighed(*inside, (60, five), (64, five)).is_out(RULES)
    assert weighed(*inside, (60, eight)).is_out(RULES)


def test_old_reports_fade() -> None:
    """What was believed is forgotten in minutes: the object was elsewhere."""
    before = weighed(*((at_s, 10.0) for at_s in range(0, 60, 4))).odds
    belief = weighed(*((at_s, 10.0) for at_s in range(0, 60, 4)), (600, 0.0))
    assert before > 10.0
    assert 0 <= belief.odds < 0.02 * before


def test_belief_is_bounded() -> None:
    """An hour of certainty is worth no more than a few minutes of it."""
    assert weighed(*((30 * n, 17.0) for n in range(200))).odds == 40.0
    assert weighed(*((30 * n, -17.0) for n in range(200))).odds == -40.0


def test_settled_inside_forgets_where_it_came_from() -> None:
    """Once it has entered, minutes of flight outside do not pull it back out."""
    belief = weighed(*((at_s, -17.0) for at_s in range(0, 120, 4)), (120, 7.0))
    belief.discard_outside_evidence()
    assert belief.odds == belief.last_odds == 7.0
    sure = weighed((0, 12.0))
    sure.discard_outside_evidence()
    assert sure.odds == 12.0


@given(
    st.lists(
        st.tuples(st.integers(0, 600_000), st.floats(-17, 17)),
        min_size=1,
        max_size=30,
    )
)
def test_odds_are_rounded(reports: list[tuple[int, float]]) -> None:
    """What decisions compare has three decimals, within the bounds."""
    belief = Belief()
    for time_ms, odds in sorted(reports):
        belief.update(time_ms, round(odds, 3), RULES)
        assert belief.odds == round(belief.odds, 3)
        assert abs(belief.odds) <= 40.0


def test_what_has_left_does_not_come_back_by_one_wild_report() -> None:
    """After an exit one report of three sigma is not enough; two, one of five, or many are."""
    belief = weighed(*((4.0 * number, -9.0) for number in range(60)))
    once = log_odds(300, 100)
    belief.update(240 * SECOND, once, RULES)
    assert belief.may_enter(RULES)  # the first time it is
    belief.has_left = True
    assert not belief.may_enter(RULES)
    belief.update(244 * SECOND, once, RULES)
    assert belief.may_enter(RULES)
    belief.update(248 * SECOND, -9.0, RULES)
    assert not belief.may_enter(RULES)
    belief.update(252 * SECOND, log_odds(500, 100), RULES)
    assert belief.may_enter(RULES)


def test_what_stays_shallow_inside_comes_back_in_time() -> None:
    """One and a half sigma deep after an exit: told within five minutes, by reports together."""
    belief = weighed(*((4.0 * number, -9.0) for number in range(60)))
    belief.has_left = True
    came_s = 240.0
    while not belief.may_enter(RULES):
        belief.update(round(came_s * SECOND), log_odds(150, 100), RULES)
        came_s += 4.0
    assert 60.0 < came_s - 240.0 <= 300.0
