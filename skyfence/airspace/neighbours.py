"""The zones around a place: the nations and regions that hold it, the zones across a border.

Borders are only as exact as their files, so "in" and "across" allow for each zone's accuracy.
"""

from collections.abc import Iterable, Sequence

from skyfence.airspace.airspace import Airspace
from skyfence.policy.parameters import DetectionParameters
from skyfence.zones.zone_file import Zone


def nations_of(airspace: Airspace, areas: Iterable[int]) -> tuple[str, ...]:
    """Return the member nations among some areas."""
    zones = [airspace.zones[area] for area in areas if area != airspace.protected]
    return tuple(sorted({zone.nation for zone in zones if zone.is_protected}))


def regions_at(
    airspace: Airspace, lon: float, lat: float, nations: tuple[str, ...], previous: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the nations' regions that hold a place (degrees), each widened by its accuracy.

    A region among ``previous``, where the object was before, is left only at twice that distance,
    so that a path along the line between two regions does not switch to and fro.
    """
    regions: list[str] = []
    for metres, area in airspace.near(lon, lat, 2 * airspace.widest_region_m):
        zone = airspace.zones[area]
        if not zone.is_region or zone.nation not in nations:
            continue
        widened_m = zone.properties.accuracy_m * (2 if zone.id in previous else 1)
        if round(metres) <= widened_m:
            regions.append(zone.id)
    return tuple(sorted(regions))


def nearest_nation(
    airspace: Airspace, lon: float, lat: float, parameters: DetectionParameters
) -> tuple[str, ...]:
    """Return the member nation nearest to a place on the protected border, or none within reach.

    Looks as far as ``across_m``.
    """
    for _, area in airspace.near(lon, lat, parameters.across_m):
        if airspace.zones[area].is_protected:
            return (airspace.zones[area].nation,)
    return ()


def nearest_region(
    airspace: Airspace,
    lon: float,
    lat: float,
    nations: tuple[str, ...],
    parameters: DetectionParameters,
) -> tuple[str, ...]:
    """Return the nations' region nearest to a place, or none within ``nearest_region_m``."""
    for _, area in airspace.near(lon, lat, parameters.nearest_region_m):
        zone = airspace.zones[area]
        if zone.is_region and zone.nation in nations:
            return (zone.id,)
    return ()


def across(
    airspace: Airspace, area: int, lon: float, lat: float, parameters: DetectionParameters
) -> tuple[str, ...]:
    """Return the zones on the other side of an area's border at a place (degrees), by identifier.

    Across a zone's border lie zones of the same kind; where a region has no such neighbour
    (another country's regions may be unknown), that country. Across the protected airspace's
    border lie the zones outside of it that are no regions.
    """
    return across_many(airspace, [area], [(lon, lat)], parameters)[0]


def across_many(
    airspace: Airspace,
    areas: Sequence[int],
    places: Sequence[tuple[float, float]],
    parameters: DetectionParameters,
) -> list[tuple[str, ...]]:
    """Return for each area and place (lon, lat) what ``across`` does."""
    zones = [None if area == airspace.protected else airspace.zones[area] for area in areas]
    accuracies_m = [zone.properties.accuracy_m if zone else 0.0 for zone in zones]
    tolerances_m = [max(parameters.across_m, 2 * accuracy_m) for accuracy_m in accuracies_m]
    nearby = airspace.near_many(places, tolerances_m)
    return [
        _beyond(zone, [airspace.zones[index] for _, index in near if index != area])
        for zone, area, near in zip(zones, areas, nearby, strict=True)
    ]


def _beyond(zone: Zone | None, others: Sequence[Zone]) -> tuple[str, ...]:
    """Choose those of the zones nearby that lie across a zone's border (None: the union's)."""
    if zone is None:
        return _ids(other for other in others if not (other.is_protected or other.is_region))
    same_kind = _ids(other for other in others if other.properties.kind == zone.properties.kind)
    if same_kind or not zone.is_region:
        return same_kind
    return _ids(o for o in others if not o.is_region and o.nation != zone.nation)


def _ids(zones: Iterable[Zone]) -> tuple[str, ...]:
    return tuple(sorted(zone.id for zone in zones))
