"""A clock that a test moves, and sets as an administrator sets a machine's."""

from skyfence.adapters.clock import SteadyClock


class SetClock(SteadyClock):
    """A steady clock in a test's hands: ``time_ms`` goes on by itself never."""

    def __init__(self, time_ms: int) -> None:
        super().__init__()
        self.time_ms = time_ms
        self._step_ms = 0

    def now_ms(self) -> int:
        return self.time_ms

    def latest_ms(self) -> int:
        return self.time_ms

    def set_by(self, step_ms: int) -> None:
        """Set the machine's clock, on or (negative) back."""
        self._step_ms += step_ms

    def take_step_ms(self) -> int:
        step_ms, self._step_ms = self._step_ms, 0
        self.time_ms += step_ms
        return step_ms
