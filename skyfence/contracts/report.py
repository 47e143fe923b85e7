"""The report: one sensor's word on where one object was at one instant.

A report is input and may be wrong; the model refuses what no sensor can mean (latitude 91, NaN,
a time without zone, an unknown field) and says which field and why. A position is worth judging
without its optional fields, so those that are wrong can be left out (``read_report``). Whether a
report is plausible beside its neighbours is judged in ``tracks``.
"""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

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


_SHOWN: Final = 80  # how much of a wrong value is shown


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
# What a report can do without: a receiver that pads a callsign, or writes "ground" for a height,
# knows where the object is all the same.
OPTIONAL_FIELDS: Final = frozenset(
    name for name, field in Report.model_fields.items() if field.default is None
)


def read_report(fields: object) -> tuple[Report, tuple[str, ...]]:
    """Return a report, and what was left out of it: a line for each optional field that is wrong.

    Raises pydantic's ``ValidationError`` where it is no report even without these.
    """
    try:
        return Report.model_validate(fields), ()
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
        if not isinstance(fields, dict) or not wrong or wrong - OPTIONAL_FIELDS:
            raise
        rest = {name: value for name, value in fields.items() if name not in wrong}
        left_out = tuple(f"{name}: {fields[name]!r}"[:_SHOWN] for name in sorted(wrong))
        return Report.model_validate(rest), left_out
