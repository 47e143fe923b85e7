"""The crossing: the fact that a track's path entered or left a zone.

Time and place are interpolated on the segment between two reports. Facts are kept whether or not
an alert follows; what is said to people is decided later, from track events.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from skyfence.contracts.base import (
    Contract,
    Latitude,
    Longitude,
    RunName,
    SourceName,
    TrackName,
    UtcTime,
)
from skyfence.contracts.report import (
    AccuracyM,
    AltitudeM,
    AltitudeRef,
    Category,
    CourseDeg,
    GroundSpeedMps,
    VerticalRateMps,
)

CrossingKind = Literal["enter", "exit", "appear", "vanish"]


class ObjectInfo(Contract):
    """What the last report before a fact said of the object; units and bounds as in ``Report``."""

    altitude_m: AltitudeM | None = None
    altitude_ref: AltitudeRef | None = None
    ground_speed_mps: GroundSpeedMps | None = None
    course_deg: CourseDeg | None = None
    vertical_rate_mps: VerticalRateMps | None = None
    accuracy_m: AccuracyM | None = None
    callsign: str | None = None
    mode_3a: str | None = None
    icao_address: str | None = None
    category: Category = "unknown"
    simulated: bool = False


class PositionFix(Contract):
    """Where one report saw an object. ``accuracy_m`` is one sigma, horizontal."""

    time: UtcTime
    lat: Latitude
    lon: Longitude
    accuracy_m: AccuracyM | None = None


class Evidence(Contract):
    """What a statement about an object rests on.

    The two reports between which it crossed the border and the point interpolated between them
    (for what did not cross, or not yet: the last report alone); the probability that the object is
    inside by the last report alone, and by all reports weighed together.
    """

    before: PositionFix | None = None
    after: PositionFix
    time: UtcTime
    lat: Latitude
    lon: Longitude
    probability: Annotated[float, Field(ge=0, le=1)]
    probability_weighed: Annotated[float, Field(ge=0, le=1)]


class Crossing(Contract):
    """One track's path met one zone's border (enter, exit), or began or ended inside it.

    ``other_side`` names the zones across the border within the larger of 100 m and twice the
    zone's accuracy. ``depth_m`` is the greatest distance from the zone's border that the track
    reached inside, metres; it stands on exit and vanish. ``probability`` is that of being on the
    side that the kind says, by the report at the end of the segment alone. ``cut`` marks a path
    that was cut because nothing flies that fast. ``suppressed_by`` names the rule of the
    identification policy because of which nobody was told.
    """

    crossing_id: UUID
    kind: CrossingKind
    zone: str
    zone_kind: str
    zones_version: str
    time: UtcTime
    lat: Latitude
    lon: Longitude
    run: RunName
    source: SourceName
    track_id: TrackName
    other_side: tuple[str, ...] = ()
    depth_m: Annotated[int | None, Field(ge=0)] = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    cut: bool = False
    suppressed_by: str | None = None
    object: ObjectInfo = ObjectInfo()
