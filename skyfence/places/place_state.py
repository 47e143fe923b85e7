"""The state of one place in one run: what incidents hold it at, and what has been told of it.

Plain data; ``places`` changes it. What holds now is in ``place_view``.
"""

from dataclasses import dataclass, field
from uuid import UUID

from skyfence.contracts.alert import PlaceKind, PlaceLevel
from skyfence.places.attention import Attention
from skyfence.places.holding import Holding
from skyfence.places.place_view import NO_MARK


@dataclass
class PlaceState:
    """One place in one run.

    ``holdings`` are by incident, of this place alone; a nation also has those of its regions, the
    alliance all (``place_view``). ``episode`` numbers the episodes of the place, the last one's
    identifier is ``episode_id`` and its last message's number ``step``. ``level``, ``objects``,
    ``lost`` and ``unseen`` are as they were told last, at ``told_ms``; ``since_ms`` is since
    when the level is so, event time. ``highest``, ``most_objects``, ``most_vanished``, ``mark`` and
    ``directions`` say what the episode has told already. ``waits``: a quiet change is to be told
    when it is time. At ``count_due_ms``, event time, an object counts that may be one of the others
    until then.
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
    since_ms: int = 0
    told_ms: int = 0
    highest: PlaceLevel = "clear"
    most_objects: int = 0
    mark: int = NO_MARK
    directions: list[int] = field(default_factory=list)
    new_directions: list[int] = field(default_factory=list)
    waits: bool = False
    count_due_ms: int | None = None
    attention: Attention = field(default_factory=Attention)
    most_vanished: int = 0

    def begin_episode(self, episode_id: UUID) -> None:
        """Begin the next episode: nothing has been told of it."""
        self.episode_id, self.step = episode_id, 0
        self.highest, self.most_objects, self.mark = "clear", 0, NO_MARK
        self.most_vanished, self.directions = 0, []
