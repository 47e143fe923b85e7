"""Simulated worlds: the pipeline's own code in made-up time, with faults drawn from seeds."""

import pytest
from simulation import report
from simulation.faults import Fault
from simulation.mutations import MUTATIONS
from simulation.outcome import play, shrink
from simulation.schedule import DEEDS, draw_schedule

pytestmark = pytest.mark.worlds

# Few: each takes some seconds. ``make simulate`` plays many.
SEEDS = (1, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_world_holds(seed: int) -> None:
    """Whatever befalls the world of a seed, what must hold does."""
    outcome = play(seed)
    assert not outcome.broken, (outcome.faults, outcome.broken)


def test_a_seed_replays_exactly() -> None:
    """The same seed is the same world, to the last step; without its faults it is another."""
    once, again, undisturbed = play(11), play(11), play(11, ())
    assert once.faults
    assert (once.trace, once.steps, once.events) == (again.trace, again.steps, again.events)
    assert undisturbed.trace != once.trace


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mend_that_is_taken_out_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the mend its world holds, without it the same world fails."""
    mutation = MUTATIONS[name]
    assert not play(mutation.seed, mutation.faults).broken
    mutation.take_out(monkeypatch)
    assert play(mutation.seed, mutation.faults).broken


def test_a_failure_is_shrunk_to_the_fault_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three faults the two that do no harm are dropped."""
    mutation = MUTATIONS["a clock that is ahead is not believed"]
    mutation.take_out(monkeypatch)
    harmless = (Fault("connections cut", 10.0), Fault("frames sent again", 15.0, amount=2))
    failed = play(mutation.seed, (*harmless, *mutation.faults))
    assert failed.broken
    assert shrink(failed).faults == mutation.faults


def test_every_kind_of_fault_is_drawn() -> None:
    """No kind of fault is left out of what seeds draw."""
    drawn = {fault.name for seed in range(500) for fault in draw_schedule(seed)}
    assert drawn == set(DEEDS)


def test_what_no_world_reaches_is_named() -> None:
    """A report says which faults and branches its worlds have not reached."""
    outcome = play(3, (Fault("connections cut", 20.0),))
    unreached = report.never([outcome])
    assert "subscriber Disconnected" not in unreached
    assert "fault connections cut" not in unreached
    assert "fault kill worker" in unreached
