"""Zones: the named areas that tracks are judged against, and the form their files have.

A zone file is a GeoJSON FeatureCollection with ``version``, ``source`` and ``license``, whose
features carry the properties of ``ZoneProperties``. Parsing is strict and says which feature is
wrong and where: a border that silently differs from what its author meant is worse than none.

Does not read files (``files``) and does not answer where a point is (``airspace``).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from skyfence.channels import is_zone_id
from skyfence.errors import InputError
from skyfence.model import UtcTime, why_invalid

VerticalRef = Literal["pressure", "amsl", "wgs84", "agl"]
REGION_KIND = "region"


class ZoneProperties(BaseModel):
    """The properties of one feature. ``accuracy_m`` is one sigma of the border's position."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    country: str | None
    accuracy_m: Annotated[float, Field(strict=True, ge=0, le=100_000, allow_inf_nan=False)]
    nato: Annotated[bool, Field(strict=True)]
    floor_m: Annotated[float | None, Field(strict=True, allow_inf_nan=False)] = None
    ceiling_m: Annotated[float | None, Field(strict=True, allow_inf_nan=False)] = None
    vertical_ref: VerticalRef | None = None
    valid_from: UtcTime | None = None
    valid_until: UtcTime | None = None

    @field_validator("id", "country")
    @classmethod
    def _is_identifier(cls, value: str | None) -> str | None:
        if value is not None and not is_zone_id(value):
            raise ValueError("must be letters, digits, '.', '_' or '-', at most 64")
        return value


@dataclass(frozen=True)
class Zone:
    """One zone: its properties, its area in degrees (lon, lat) and its file's version."""

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
        """Return the country whose zone this is (a zone without one stands for itself)."""
        return self.properties.country or self.id

    @property
    def is_protected(self) -> bool:
        """Tell whether this is part of the alliance's protected airspace."""
        return self.properties.nato and not self.is_region


@dataclass(frozen=True)
class ZoneSet:
    """All zones a process judges against, and the version that alerts name."""

    zones: tuple[Zone, ...]
    version: str

    @property
    def names(self) -> dict[str, str]:
        """Return what each zone is called, by identifier."""
        return {zone.id: zone.properties.name for zone in self.zones}


def parse_zones(document: object, where: str) -> list[Zone]:
    """Read a decoded GeoJSON document; raise ``InputError`` naming ``where`` and the feature."""
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise InputError(f"{where}: not a GeoJSON FeatureCollection")
    version = document.get("version")
    if not isinstance(version, str) or not version:
        raise InputError(f"{where}: the collection has no version (a text that alerts name)")
    features = document.get("features")
    if not isinstance(features, list) or not features:
        raise InputError(f"{where}: the collection has no features")
    return [_zone(feature, f"{where}: feature {n}", version) for n, feature in enumerate(features)]


def zone_set(groups: Iterable[Sequence[Zone]]) -> ZoneSet:
    """Join the zones of several files; an identifier may appear only once."""
    zones: list[Zone] = []
    versions: list[str] = []
    seen: set[str] = set()
    for group in groups:
        for zone in group:
            if zone.id in seen:
                raise InputError(f"zone {zone.id!r} appears twice")
            seen.add(zone.id)
            zones.append(zone)
            if zone.version not in versions:
                versions.append(zone.version)
    return ZoneSet(tuple(zones), "+".join(versions))


def _zone(feature: object, where: str, version: str) -> Zone:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise InputError(f"{where}: not a GeoJSON Feature")
    if not isinstance(feature.get("properties"), dict):
        raise InputError(f"{where}: the feature has no properties")
    try:
        properties = ZoneProperties.model_validate(feature["properties"])
    except ValidationError as error:
        raise InputError(f"{where}: {why_invalid(error)}") from None
    where = f"{where} ({properties.id})"
    area = _area(feature.get("geometry"), where)
    _check_limits(properties, where)
    return Zone(properties, area, version)


def _check_limits(properties: ZoneProperties, where: str) -> None:
    low, high = properties.floor_m, properties.ceiling_m
    if low is not None and high is not None and low >= high:
        raise InputError(f"{where}: floor_m {low} is not below ceiling_m {high}")
    if (low is not None or high is not None) and properties.vertical_ref is None:
        raise InputError(f"{where}: floor_m or ceiling_m without vertical_ref")
    start, end = properties.valid_from, properties.valid_until
    if start is not None and end is not None and start >= end:
        raise InputError(f"{where}: valid_from {start} is not before valid_until {end}")


def _area(geometry: Any, where: str) -> BaseGeometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise InputError(f"{where}: geometry must be a Polygon or MultiPolygon, got {kind!r}")
    for number, ring in enumerate(_rings(kind, geometry.get("coordinates"), where)):
        _check_ring(ring, f"{where}: ring {number}")
    try:
        area = shapely.force_2d(shape(geometry))
    except (
        shapely.errors.ShapelyError,
        ValueError,
        TypeError,
        IndexError,
        AttributeError,
    ) as error:
        raise InputError(f"{where}: unreadable geometry: {error}") from None
    if area.is_empty:
        raise InputError(f"{where}: the geometry is empty")
    if not area.is_valid:
        raise InputError(f"{where}: not a valid area: {shapely.is_valid_reason(area)}")
    return area


def _rings(kind: str, coordinates: Any, where: str) -> list[Any]:
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not all(isinstance(part, list) for part in parts):
        raise InputError(f"{where}: coordinates are no {kind}'s: {str(coordinates)[:80]}")
    return [ring for part in parts for ring in part]


def _check_ring(ring: Any, where: str) -> None:
    if not isinstance(ring, list) or len(ring) < 4:
        raise InputError(f"{where} has fewer than 4 positions")
    for position in ring:
        if (
            not isinstance(position, list)
            or len(position) < 2
            or not all(map(_is_finite, position))
        ):
            raise InputError(f"{where} has a bad position: {str(position)[:80]}")
        if not (-180 <= position[0] <= 180 and -90 <= position[1] <= 90):
            raise InputError(
                f"{where} leaves longitude -180..180, latitude -90..90: {position[:2]}"
            )
    if ring[0] != ring[-1]:
        raise InputError(f"{where} is not closed: {ring[0]} to {ring[-1]}")
    if any(abs(one[0] - other[0]) > 180 for one, other in pairwise(ring)):
        raise InputError(f"{where} crosses the antimeridian; cut it at longitude 180")


def _is_finite(value: object) -> bool:
    # compared, because math.isfinite fails on a whole number that no float holds
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
