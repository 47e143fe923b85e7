"""What holds a place now: its level, and the objects that concern it.

A nation is held by all that holds its regions, and the alliance by all, so that nobody who answers
for a place is ever calmer than the place itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, get_args
from uuid import UUID

from skyfence.contracts.alert import PlaceLevel, level_rank
from skyfence.places.holding import Holding

# A message is due when the minutes left of a place fall below one of these.
_MINUTE_MARKS: Final = (1, 5, 10)
NO_MARK: Final = 99


@dataclass(frozen=True)
class PlaceView:
    """The holdings of a place and of those beneath it, the gravest of each incident.

    ``at_ms`` is the event time as of which it is looked at, milliseconds since 1970.
    """

    holdings: Mapping[UUID, Holding]
    at_ms: int

    @classmethod
    def over(cls, holdings: Iterable[Mapping[UUID, Holding]], at_ms: int) -> "PlaceView":
        """Return the view over the holdings of several places."""
        gravest: dict[UUID, Holding] = {}
        for of_place in holdings:
            if not gravest:
                gravest = dict(of_place)
                continue
            for incident_id, holding in of_place.items():
                other = gravest.setdefault(incident_id, holding)
                # The same object over a nation and a region of it is mostly as grave for both.
                is_alike = other is holding or (
                    holding.level == other.level and holding.minutes_left == other.minutes_left
                )
                if not is_alike and _gravity(holding) > _gravity(other):
                    gravest[incident_id] = holding
        return cls(gravest, at_ms)

    @cached_property
    def level(self) -> PlaceLevel:
        """Return the highest level that an incident holds the place at."""
        levels = {held.level for held in self.holdings.values()}
        return max(levels, key=level_rank, default="clear")

    @cached_property
    def concerned(self) -> Mapping[UUID, Holding]:
        """Return the holdings of the objects that concern the place now.

        Those at ``prepare`` or above; where the place is only watching, those that it watches.
        """
        least = min(level_rank("prepare"), level_rank(self.level))
        levels = {level for level in get_args(PlaceLevel) if level_rank(level) >= least}
        # Mostly all of a raid do: hashing hundreds of identifiers for each event takes long.
        if all(held.level in levels for held in self.holdings.values()):
            return self.holdings
        return {key: held for key, held in self.holdings.items() if held.level in levels}

    def gravest(self, most: int) -> list[UUID]:
        """Return the incidents that concern the place; of more than ``most``, the gravest."""
        if len(self.concerned) <= most:
            return list(self.concerned)
        by_gravity = sorted(
            self.concerned.items(),
            key=lambda item: (*(-number for number in _gravity(item[1])), item[0].int),
        )
        return [incident_id for incident_id, _ in by_gravity[:most]]

    @cached_property
    def counted(self) -> Mapping[UUID, Holding]:
        """Return the holdings of the objects that concern the place, each object once.

        Without those that may be counted already; where all may be, one of them stands for it.
        """
        concerned = self.concerned
        if all(held.counts_from_ms <= self.at_ms for held in concerned.values()):
            return concerned
        counted = {
            key: held for key, held in concerned.items() if held.counts_from_ms <= self.at_ms
        }
        return counted or dict(list(concerned.items())[:1])

    @property
    def is_approached(self) -> bool:
        """Tell whether an object heads for the place now; others hold it as they can be back."""
        least = level_rank("prepare")
        return any(level_rank(held.asked) >= least for held in self.concerned.values())

    @property
    def count_due_ms(self) -> int | None:
        """Return when the next object counts that does not yet; None where all do."""
        later = [held.counts_from_ms for held in self.concerned.values()]
        return min((at_ms for at_ms in later if at_ms > self.at_ms), default=None)

    @cached_property
    def objects(self) -> int:
        """Return the number of objects that concern the place."""
        return len(self.counted)

    @cached_property
    def lost(self) -> int:
        """Return how many of the objects that concern the place are not seen."""
        return sum(held.lost for held in self.counted.values())

    @cached_property
    def vanished(self) -> int:
        """Return how many were lost on their way here, and not while they circled."""
        least = level_rank("prepare")
        return sum(
            held.lost and not held.circling and level_rank(held.level) >= least
            for held in self.concerned.values()
        )

    @cached_property
    def minutes_left(self) -> int | None:
        """Return the fewest whole minutes of any object on its way, None if one is here."""
        if self.level != "prepare":
            return None
        minutes = [
            held.minutes_left
            for held in self.concerned.values()
            if held.minutes_left is not None and not held.lost
        ]
        return min(minutes, default=None)

    @property
    def minute_mark(self) -> int:
        """Return the lowest mark that the minutes left are below; ``NO_MARK`` for none."""
        minutes = self.minutes_left
        if minutes is None:
            return NO_MARK
        return min((mark for mark in _MINUTE_MARKS if minutes < mark), default=NO_MARK)


def _gravity(holding: Holding) -> tuple[int, int]:
    """Return what holdings are compared by: the level, then the fewer minutes left."""
    minutes = NO_MARK if holding.minutes_left is None else holding.minutes_left
    return level_rank(holding.level), -minutes
