"""Zones: the named areas that tracks are judged against, and the form of their files.

A zone file is a GeoJSON FeatureCollection with ``version``, ``source`` and ``license``, whose
features carry the properties of ``ZoneProperties``. Parsing is strict and says which feature is
wrong and where: a border that silently differs from what its author meant is worse than none.
``parse_zones`` raises the first error; ``read_document`` returns everything that is wrong.

Does not read files (``adapters.files``), does not answer where a point is (``airspace``), and does
not compare zones with one another (``zone_import.lint``).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import shapely
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from skyfence.contracts.alert import PlaceKind
from skyfence.contracts.base import UtcTime, describe_validation_error
from skyfence.errors import InputError
from skyfence.naming import ALLIANCE, is_zone_id
from skyfence.schedules import Schedules
from skyfence.zones.finding import Finding
from skyfence.zones.outline_checks import outline_findings, ring_array, ring_findings

VerticalRef = Literal["pressure", "amsl", "wgs84", "agl"]
REGION_KIND = "region"
COUNTRY_KIND = "country"
# Channels and commands use these names for the whole alliance, and for all channels.
_RESERVED = frozenset({ALLIANCE, "all"})


# What turns the direction of writing: a name with one of these reads as another.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _readable(name: str) -> str:
    """Return a name for messages and screens: control characters and line ends become blanks."""
    letters = [letter if _is_readable(letter) else " " for letter in name]
    read = name if letters == list(name) else " ".join("".join(letters).split())
    if not read:
        raise ValueError("must hold letters")
    return read


def _is_readable(letter: str) -> bool:
    is_control = unicodedata.category(letter) in ("Cc", "Zl", "Zp")
    return not is_control and letter not in _DIRECTIONS


class ZoneProperties(BaseModel):
    """The properties of a feature. ``accuracy_m`` is one sigma of the border's position."""

    # A misspelt ceiling must not mean that there is none.
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    country: str | None
    accuracy_m: Annotated[float, Field(strict=True, ge=0, le=100_000, allow_inf_nan=False)]
    nato: Annotated[bool, Field(strict=True)]
    floor_m: Annotated[float | None, Field(strict=True, allow_inf_nan=False)] = None
    ceiling_m: Annotated[float | None, Field(strict=True, allow_inf_nan=False)] = None
    vertical_ref: VerticalRef | None = None
    valid_from: UtcTime | None = None
    valid_until: UtcTime | None = None
    schedule: Schedules | None = None

    @field_validator("id", "country")
    @classmethod
    def _is_identifier(cls, value: str | None) -> str | None:
        if value is not None and not is_zone_id(value):
            raise ValueError("must be letters, digits, '.', '_' or '-', at most 64")
        return value


@dataclass(frozen=True)
class Zone:
    """A zone: its properties, its area in degrees (lon, lat) and its file's version."""

    properties: ZoneProperties
    area: BaseGeometry  # a Polygon or MultiPolygon
    version: str

    @property
    def id(self) -> str:
        """Return the identifier that channels and crossings name."""
        return self.properties.id

    @property
    def is_region(self) -> bool:
        """Tell whether this is a civil-defence region, with a channel of its own."""
        return self.properties.kind == REGION_KIND

    @property
    def nation(self) -> str:
        """Return the country whose zone this is; the zone's own identifier if it has none."""
        return self.properties.country or self.id

    @property
    def is_protected(self) -> bool:
        """Tell whether this is part of the alliance's protected airspace."""
        return self.properties.nato and not self.is_region

    @property
    def has_own_channel(self) -> bool:
        """Tell whether this zone of another kind (restricted, a plant) is a place by itself.

        One that is called like its country, or a member's that names none, is a nation's ground
        whatever its kind.
        """
        kind, country = self.properties.kind, self.properties.country
        is_nation = country == self.id or (country is None and self.is_protected)
        return kind not in (REGION_KIND, COUNTRY_KIND) and not is_nation


@dataclass(frozen=True)
class ZoneSet:
    """All zones a process judges against, and the version that alerts name."""

    zones: tuple[Zone, ...]
    version: str

    @property
    def names(self) -> dict[str, str]:
        """Return the name of each zone, by identifier."""
        return {zone.id: zone.properties.name for zone in self.zones}

    @property
    def places(self) -> dict[str, PlaceKind]:
        """Return the places that alerts can be for, with what they are.

        They are the alliance, its member nations, the regions of these, and zones of other kinds.
        """
        kinds: dict[str, PlaceKind] = {ALLIANCE: "alliance"}
        for zone in self.zones:
            if zone.has_own_channel:
                kinds[zone.id] = "zone"
            elif zone.is_region and zone.properties.nato:
                kinds[zone.id] = "region"
            if zone.is_protected:
                kinds[zone.nation] = "nation"
        return kinds

    @property
    def nations(self) -> dict[str, str]:
        """Return the nation of each region, by the region's identifier."""
        return {zone.id: zone.nation for zone in self.zones if zone.is_region}


@dataclass(frozen=True)
class LocatedZone:
    """A zone, and the file and feature that it stands in."""

    where: str
    zone: Zone


def parse_zones(document: object, where: str) -> list[Zone]:
    """Return the zones of a decoded GeoJSON document.

    Raises ``InputError`` with the first thing that is wrong; ``where`` names the file in it.
    """
    located_zones, errors = read_document(document, where)
    if errors:
        first = errors[0]
        at = "" if first.place is None else "[{:.10g} {:.10g}]".format(*first.place)
        # Further errors of the same feature are only counted.
        more = sum(finding.where == first.where != where for finding in errors[1:])
        rest = f" (and {more} more)" if more else ""
        raise InputError(f"{first.where}: {first.reason}{at}{rest}")
    return [located.zone for located in located_zones]


def read_document(document: object, where: str) -> tuple[list[LocatedZone], list[Finding]]:
    """Return the good zones of a decoded GeoJSON document, and all that is wrong with it."""
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        return [], [Finding(where, "not a GeoJSON FeatureCollection")]
    errors: list[Finding] = []
    version = document.get("version")
    if not isinstance(version, str) or not version:
        errors.append(Finding(where, "the collection has no version (a text that alerts name)"))
    features = document.get("features")
    if not isinstance(features, list) or not features:
        return [], [*errors, Finding(where, "the collection has no features")]
    located_zones: list[LocatedZone] = []
    for number, feature in enumerate(features):
        located, findings = read_feature(feature, f"{where}: feature {number}", str(version))
        located_zones += [located] if located is not None else []
        errors += findings
    return located_zones, errors


def zone_set(groups: Iterable[Sequence[Zone]]) -> ZoneSet:
    """Join the zones of several files.

    Raises ``InputError`` where an identifier appears twice, stands for more than one zone, or is
    a nation's and another zone's.
    """
    zones: list[Zone] = []
    versions: list[str] = []
    seen: set[str] = set()
    for group in groups:
        for zone in group:
            if zone.id in seen:
                raise InputError(f"zone {zone.id!r} appears twice")
            if zone.id in _RESERVED:
                raise InputError(f"zone {zone.id!r}: the identifier stands for more than one zone")
            seen.add(zone.id)
            zones.append(zone)
            if zone.version not in versions:
                versions.append(zone.version)
    nations = {zone.nation for zone in zones if not zone.is_region}
    for zone in zones:
        if zone.is_region and zone.id in nations:
            raise InputError(f"zone {zone.id!r}: a region cannot have the identifier of a nation")
        others = (other.nation for other in zones if other.properties.country is not None)
        if zone.has_own_channel and zone.id in others:
            kind = zone.properties.kind
            raise InputError(f"zone {zone.id!r}: a {kind} zone cannot have a nation's identifier")
    return ZoneSet(tuple(zones), "+".join(versions))


def read_feature(
    feature: object, where: str, version: str
) -> tuple[LocatedZone | None, list[Finding]]:
    """Return the zone of a decoded GeoJSON feature, or None and all that is wrong with it."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return None, [Finding(where, "not a GeoJSON Feature")]
    if not isinstance(feature.get("properties"), dict):
        return None, [Finding(where, "the feature has no properties")]
    errors: list[Finding] = []
    properties = None
    try:
        properties = ZoneProperties.model_validate(feature["properties"])
        where = f"{where} ({properties.id})"
    except ValidationError as error:
        errors += [Finding(where, reason) for reason in _reasons(error)]
    area, findings = _area(feature.get("geometry"), where)
    errors += findings
    if properties is not None:
        errors += [Finding(where, reason) for reason in _contradictions(properties)]
    if errors or properties is None or area is None:
        return None, errors
    return LocatedZone(where, Zone(properties, area, version)), []


def _reasons(error: ValidationError) -> list[str]:
    """Return what is wrong with each property."""
    # pydantic takes back what it gave out, though its types say otherwise
    details: list[Any] = error.errors(include_url=False)
    return [
        describe_validation_error(ValidationError.from_exception_data(error.title, [detail]))
        for detail in details
    ]


def _contradictions(properties: ZoneProperties) -> Iterator[str]:
    low, high = properties.floor_m, properties.ceiling_m
    if low is not None and high is not None and low >= high:
        yield f"floor_m {low} is not below ceiling_m {high}"
    if (low is not None or high is not None) and properties.vertical_ref is None:
        yield "floor_m or ceiling_m without vertical_ref"
    start, end = properties.valid_from, properties.valid_until
    if start is not None and end is not None and start >= end:
        yield f"valid_from {start} is not before valid_until {end}"


def _area(geometry: Any, where: str) -> tuple[BaseGeometry | None, list[Finding]]:
    errors = list(ring_findings(geometry, where))
    if errors:
        return None, errors
    try:
        area = shapely.force_2d(shape(_with_arrays(geometry)))
    except (
        shapely.errors.ShapelyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
    ) as error:
        return None, [Finding(where, f"unreadable geometry: {error}")]
    return area, outline_findings(area, where)


def _with_arrays(geometry: Any) -> Any:
    """Return a GeoJSON geometry whose rings are arrays, which become an area in no time."""
    kind, coordinates = geometry["type"], geometry["coordinates"]
    parts = [coordinates] if kind == "Polygon" else coordinates
    arrays = [[_array_or(ring) for ring in part] for part in parts]
    return {"type": kind, "coordinates": arrays[0] if kind == "Polygon" else arrays}


def _array_or(ring: Any) -> Any:
    array = ring_array(ring)
    return ring if array is None else array
