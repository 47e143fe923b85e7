"""A holding: the level at which one incident holds one place.

It rises at once and falls late: while the object can be back within the look-ahead, ``prepare``
stays, and ``shelter`` for some minutes; afterwards what it asks for counts, after a short hold.

    contribution ──▶ Holding.take ──▶ level up at once
                          └─────────▶ fall: when, and to which level  (``places`` waits for it)
"""

from dataclasses import dataclass, field

from skyfence.contracts.alert import PlaceLevel, level_rank
from skyfence.places.contribution import Contribution
from skyfence.places.parameters import PlaceParameters


@dataclass
class Holding:
    """What one incident holds one place at. Times are event time, milliseconds since 1970.

    ``asked`` is the level that its last event asked for; ``below_ms`` says since when that has been
    lower than ``level``, ``reach_ms`` since when ``in_reach`` is as it is. ``over_ms`` is when
    the incident closed, 0 for at once. From ``counts_from_ms`` on it counts as an object of its
    own. ``fallen`` is the level that it fell to at ``fallen_ms``, before its last event, where that
    could not be told yet because another source had not come as far; ``fallen_after`` are the falls
    that came after that one.
    """

    level: PlaceLevel
    asked: PlaceLevel
    below_ms: int
    in_reach: bool
    reach_ms: int
    minutes_left: int | None = None
    lost: bool = False
    over_ms: int | None = None
    counts_from_ms: int = 0
    circling: bool = False
    fallen: PlaceLevel | None = None
    fallen_ms: int = 0
    fallen_after: list[tuple[int, PlaceLevel]] = field(default_factory=list)

    @classmethod
    def begin(
        cls,
        contribution: Contribution,
        time_ms: int,
        *,
        lost: bool = False,
        counts_from_ms: int = 0,
    ) -> "Holding":
        """Return the holding that an incident's first contribution to a place makes."""
        return cls(
            level=contribution.level,
            asked=contribution.level,
            below_ms=time_ms,
            in_reach=True,
            reach_ms=time_ms,
            minutes_left=contribution.minutes_left,
            lost=lost,
            counts_from_ms=counts_from_ms,
            circling=contribution.circling,
        )

    def take(
        self,
        contribution: Contribution,
        time_ms: int,
        parameters: PlaceParameters,
        *,
        lost: bool = False,
        in_reach: bool = True,
    ) -> bool:
        """Take in what the incident asks now, whether its object is lost, and can be back soon.

        Returns whether that changes what there is to tell of the place.
        """
        before = (self.level, self.minutes_left, self.lost)
        self._note_falls(time_ms, parameters)
        self.over_ms = None
        if level_rank(self.asked) >= level_rank(self._present):
            self.below_ms = time_ms
        self.asked = contribution.level
        if in_reach != self.in_reach:
            self.in_reach, self.reach_ms = in_reach, time_ms
        self.minutes_left, self.lost = contribution.minutes_left, lost
        self.circling = contribution.circling
        if level_rank(self.asked) > level_rank(self._present):
            self._rise()
        return (self.level, self.minutes_left, self.lost) != before

    def close(self, time_ms: int, parameters: PlaceParameters, *, at_once: bool) -> None:
        """Take in that the incident has closed; ``at_once``, whatever has fallen until then."""
        self._note_falls(time_ms, parameters)
        self.over_ms = 0 if at_once else time_ms

    def fall(self, parameters: PlaceParameters) -> tuple[int, PlaceLevel] | None:
        """Return when the level falls next, and to which; None while it is held."""
        if self.fallen is not None and self.over_ms != 0:
            return self.fallen_ms, self.fallen
        return self._next_fall(parameters)

    def settle(self, level: PlaceLevel) -> None:
        """Let the level fall as ``fall`` said, now that every source has come as far."""
        self.level, self.fallen = level, None
        if self.fallen_after:
            self.fallen_ms, self.fallen = self.fallen_after.pop(0)

    @property
    def _present(self) -> PlaceLevel:
        """Return the level as of the last event, also where its fall is not settled yet."""
        if self.fallen_after:
            return self.fallen_after[-1][1]
        return self.level if self.fallen is None else self.fallen

    def has_ended(self, time_ms: int, parameters: PlaceParameters) -> bool:
        """Tell whether it had fallen to ``clear`` before an event, told or not."""
        self._note_falls(time_ms, parameters)
        return self._present == "clear"

    def _note_falls(self, time_ms: int, parameters: PlaceParameters) -> None:
        """Note the falls that were due before an event, which must not hold them up."""
        while self._present != "clear":
            fall = self._next_fall(parameters)
            if fall is None or fall[0] >= time_ms:
                return
            if self.fallen is None:
                self.fallen_ms, self.fallen = fall
            else:
                self.fallen_after.append(fall)

    def _rise(self) -> None:
        """Rise to what is asked for; what is still to be told falls no further than that."""
        self.fallen_after.clear()
        if level_rank(self.asked) >= level_rank(self.level):
            self.level, self.fallen = self.asked, None
        else:
            self.fallen = self.asked

    def _next_fall(self, parameters: PlaceParameters) -> tuple[int, PlaceLevel] | None:
        level = self._present
        if self.over_ms is not None:
            return self.over_ms, "clear"
        if level_rank(self.asked) >= level_rank(level):
            leaves = level == "watch" and not self.in_reach
            return (self.reach_ms + parameters.watch_ms, "clear") if leaves else None
        if not self.in_reach:
            return max(self.below_ms, self.reach_ms) + parameters.hold_ms, self.asked
        if level == "shelter":
            return self.below_ms + parameters.shelter_hold_ms, "prepare"
        return None
