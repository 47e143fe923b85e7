"""The report: one sensor's word on where one object was at one instant.

A report is input and may be wrong; the model refuses what no sensor can mean (latitude 91, NaN,
a time without zone, an unknown field) and says which field and why. Whether a report is plausible
beside its neighbours is judged in ``tracks``.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from skyfence.contracts.base import Contract, Latitude, Longitude, SourceName, TrackName, UtcTime

AltitudeRef = Literal["pressure", "amsl", "wgs84", "agl"]
Category = Literal["unknown", "uav", "aircraft", "helicopter", "glider", "missile", "balloon"]
Phase = Literal["tentative", "confirmed", "coasting", "ended"]

# The bounds leave room for everything that flies, ballistic missiles included, and stop the
# all-ones fields of broken decoders.
AltitudeM = Annotated[float, Field(strict=True, ge=-1_000, le=2_000_000, allow_inf_nan=False)]
GroundSpeedMps = Annotated[float, Field(strict=True, ge=0, le=10_000, allow_inf_nan=False)]
CourseDeg = Annotated[float, Field(strict=True, ge=0, le=360, allow_inf_nan=False)]
VerticalRateMps = Annotated[float, Field(strict=True, ge=-10_000, le=10_000, allow_inf_nan=False)]
AccuracyM = Annotated[float, Field(strict=True, gt=0, le=100_000, allow_inf_nan=False)]
Callsign = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,15}$")]
Mode3A = Annotated[str, Field(strict=True, pattern=r"^[0-7]{4}$")]
IcaoAddress = Annotated[
    str,
    StringConstraints(strict=True, to_upper=True),
    Field(pattern=r"^[0-9A-Fa-f]{6}$"),
]


class Report(Contract):
    """One position report of one track.

    Units: degrees WGS 84, metres, metres per second, degrees clockwise from true north.
    ``accuracy_m`` is one sigma, horizontal. Altitude carries its reference (``altitude_ref``).
    """

    time: UtcTime
    source: SourceName
    track_id: TrackName
    lat: Latitude
    lon: Longitude
    altitude_m: AltitudeM | None = None
    altitude_ref: AltitudeRef | None = None
    ground_speed_mps: GroundSpeedMps | None = None
    course_deg: CourseDeg | None = None
    vertical_rate_mps: VerticalRateMps | None = None
    accuracy_m: AccuracyM | None = None
    callsign: Callsign | None = None
    mode_3a: Mode3A | None = None
    icao_address: IcaoAddress | None = None
    category: Category = "unknown"
    phase: Phase = "confirmed"
    simulated: Annotated[bool, Field(strict=True)] = False


# Many at once, for those who read messages.
REPORTS: Final = TypeAdapter(list[Report])
