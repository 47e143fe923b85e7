"""What an incident contributes to the states of places: plain data, handed over by the incidents.

Does not know incidents (``skyfence.incidents.contributions`` makes these) nor what follows from
them (``places``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from skyfence.contracts.alert import PlaceKind, PlaceLevel


@dataclass(frozen=True)
class Contribution:
    """What one object asks of one place.

    ``minutes_left`` are whole minutes until it is there; ``direction`` is the octant of its course,
    0 (north) to 7. ``circling``: it flies in circles outside, on its way to nowhere.
    """

    kind: PlaceKind
    level: PlaceLevel
    minutes_left: int | None = None
    direction: int | None = None
    circling: bool = False


@dataclass(frozen=True)
class Standing:
    """Where an incident stands for all places, as of an event.

    A place that ``contributions`` lacks, and that the incident concerned before, is one that its
    object has moved away from: it stays held while it is ``in_reach`` of the object, and is let go
    at once, without being watched, with ``lets_go``. ``lost``: its object is not seen now, which
    holds for all places alike. ``over``: the incident is closed; with ``merged_into`` another one
    goes on with its object. ``at_once``: it is over by an operator's word, which follows no
    sensor's clock. Until ``counts_from_ms`` it may be an object that is counted already. Times are
    event time, ms since 1970: since when it stands so, and of the report that made it known.
    """

    incident_id: UUID
    time_ms: int
    known_ms: int
    contributions: Mapping[str, Contribution]
    in_reach: frozenset[str] = frozenset()
    lets_go: bool = False
    lost: bool = False
    over: bool = False
    merged_into: UUID | None = None
    at_once: bool = False
    counts_from_ms: int = 0
