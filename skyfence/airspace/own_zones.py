"""Zones of a kind of one's own (restricted, danger, a plant) that alert: which, how, how near.

    airspace, policy ──▶ OwnZones ──▶ areas near a place, their rules, bounds of the distance

The policy's rule for a kind says whether its zones alert at all; the others are left out here, and
cost nothing. Does not follow tracks (``tracks.zone_visits``).
"""

from collections.abc import Sequence
from functools import cached_property
from math import inf

import shapely
from shapely import STRtree

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.arrays import Floats
from skyfence.geometry.border_distance import BorderDistanceIndex
from skyfence.geometry.local_plane import box_half_sides_deg
from skyfence.policy.policy import Policy, ZoneRules


class OwnZones:
    """The zones that alert by their kind's rule, by area index."""

    def __init__(self, airspace: Airspace, policy: Policy) -> None:
        self._airspace = airspace
        self._policy = policy
        self.areas: tuple[int, ...] = tuple(
            area
            for area, zone in enumerate(airspace.zones)
            if zone.has_own_channel and policy.zone_rules(zone.properties.kind).alerts == "enter"
        )
        self.by_id = {airspace.zones[area].id: area for area in self.areas}
        self.look_ahead_s = max(map(self.look_ahead_of_s, self.areas), default=0.0)
        self.alert_identified = any(self.rules(area).identified == "alert" for area in self.areas)
        self._boxes = STRtree([airspace.outline(area) for area in self.areas])

    def rules(self, area: int) -> ZoneRules:
        """Return the policy's rules for an area's kind."""
        return self._policy.zone_rules(self._airspace.zones[area].properties.kind)

    def look_ahead_of_s(self, area: int) -> float:
        """Return how early to warn of what heads for an area, seconds."""
        return self._policy.look_ahead_s(self._airspace.zones[area].properties.kind)

    def near(self, lon: float, lat: float, reach_m: float) -> Sequence[int]:
        """Return the areas whose box meets that around a place (degrees, metres), ascending.

        Across the antimeridian nothing is near.
        """
        east, north = box_half_sides_deg(lat, reach_m)
        box = shapely.box(lon - east, lat - north, lon + east, lat + north)
        return sorted(self.areas[index] for index in self._boxes.query(box).tolist())

    def lower_bounds_m(self, lons: Floats, lats: Floats) -> Floats:
        """Return for each point a lower bound of its distance to the nearest border, metres."""
        if not self.areas:
            return lons * 0.0 + inf
        return self._borders.lower_bounds_m(lons, lats)

    @cached_property
    def _borders(self) -> BorderDistanceIndex:
        return self._airspace.border_index(self.areas)
