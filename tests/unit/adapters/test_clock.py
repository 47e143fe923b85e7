"""Clocks: what a step of the system's clock does to them."""

from skyfence.adapters.clock import SteadyClock


class Machine:
    """A machine's two clocks, in seconds."""

    def __init__(self) -> None:
        self.wall_s = 1_725_688_800.0
        self.monotonic_s = 50.0

    def go_on(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: self.wall_s, lambda: self.monotonic_s)


def test_a_steady_clock_does_not_jump() -> None:
    """When the system's clock is set back an hour, a second stays a second."""
    machine = Machine()
    clock = machine.steady()
    began_ms = clock.now_ms()
    machine.go_on(1.0)
    machine.wall_s -= 3_600
    assert clock.now_ms() == began_ms + 1_000
    assert clock.latest_ms() == began_ms + 1_000
    machine.wall_s += 7_200
    assert clock.now_ms() == began_ms + 1_000
    assert clock.latest_ms() == began_ms + 1_000 + 3_600_000


def test_a_step_is_taken_once() -> None:
    """Who asks learns by how much the clock was set, and goes by the system's from then on."""
    machine = Machine()
    clock = machine.steady()
    machine.go_on(10.0)
    assert clock.take_step_ms() == 0
    machine.wall_s += 600
    assert clock.take_step_ms() == 600_000
    assert clock.take_step_ms() == 0
    assert clock.now_ms() == round(machine.wall_s * 1000)


def test_a_clock_that_is_slewed_is_not_set() -> None:
    """What time servers correct by and by is no step."""
    machine = Machine()
    clock = machine.steady()
    machine.wall_s += 1.5
    assert clock.take_step_ms() == 0
