"""The state of one place in one run: what incidents hold it at, and what has been told of it.

Plain data and what follows from it at a glance; ``places`` changes it.
"""

from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import PlaceKind, PlaceLevel
from skyfence.places.attention import Attention
from skyfence.places.contribution import rank
from skyfence.places.holding import Holding

# A message is due when the minutes left of a place fall below one of these.
_MINUTE_MARKS: Final = (1, 5, 10)
NO_MARK: Final = 99


@dataclass
class PlaceState:
    """One place in one run.

    ``holdings`` are by incident. ``episode`` numbers the episodes of the place, the last one's
    identifier is ``episode_id`` and its last message's number ``step``. ``level``, ``objects``,
    ``lost`` and ``told_unseen`` are as they were told last, at ``told_ms``; ``since_ms`` is since
    when the level is so, event time. ``highest``, ``most_objects``, ``mark`` and ``directions`` say
    what the episode has told already. ``waits``: a quiet change is to be told when it is time.
    """

    kind: PlaceKind
    holdings: dict[UUID, Holding] = field(default_factory=dict)
    episode: int = 0
    episode_id: UUID | None = None
    step: int = 0
    level: PlaceLevel = "clear"
    objects: int = 0
    lost: int = 0
    unseen: bool = False
    told_unseen: bool = False
    since_ms: int = 0
    told_ms: int = 0
    highest: PlaceLevel = "clear"
    most_objects: int = 0
    mark: int = NO_MARK
    directions: list[int] = field(default_factory=list)
    new_directions: list[int] = field(default_factory=list)
    waits: bool = False
    attention: Attention = field(default_factory=Attention)

    @property
    def held_level(self) -> PlaceLevel:
        """Return the highest level that an incident holds the place at."""
        return max((held.level for held in self.holdings.values()), key=rank, default="clear")

    @property
    def concerned(self) -> dict[UUID, Holding]:
        """Return the holdings of the objects that concern the place now.

        Those at ``prepare`` or above; where the place is only watching, those that it watches.
        """
        least = min(rank("prepare"), rank(self.held_level))
        return {key: held for key, held in self.holdings.items() if rank(held.level) >= least}

    @property
    def minutes_left(self) -> int | None:
        """Return the fewest whole minutes of any object on its way, None if one is here."""
        if self.held_level != "prepare":
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

    def begin_episode(self, episode_id: UUID) -> None:
        """Begin the next episode: nothing has been told of it."""
        self.episode_id, self.step = episode_id, 0
        self.highest, self.most_objects, self.mark = "clear", 0, NO_MARK
        self.directions = []
