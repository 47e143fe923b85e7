"""A change of a place's state as one flat line, for programs that follow states over time.

PlaceAlert ──▶ PlaceChange: {"time", "known", "run", "place", "place_kind", "level", …}
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import Notify, PlaceAlert, PlaceKind, PlaceLevel, Step
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.naming import ZoneName


class PlaceChange(Contract):
    """The state of a place from a time on; its fields are those of ``PlaceAlert``."""

    time: UtcTime
    known: UtcTime
    run: RunName
    place: ZoneName
    place_kind: PlaceKind
    level: PlaceLevel
    unseen: bool = False
    objects: Annotated[int, Field(ge=0)]
    lost: Annotated[int, Field(ge=0)] = 0
    minutes_left: Annotated[int | None, Field(ge=0)] = None
    incidents: tuple[UUID, ...]
    episode_id: UUID
    step: Step
    notify: Notify
    headline: str

    def to_line(self) -> bytes:
        """Write the change as compact JSON with all its fields, null for what is not known."""
        return self.model_dump_json().encode()

    @classmethod
    def of(cls, alert: PlaceAlert) -> "PlaceChange":
        """Return the change that a place's message tells of."""
        return cls(**{name: getattr(alert, name) for name in cls.model_fields})
