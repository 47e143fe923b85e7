"""Identified flights near the protected border: their positions are published, and told to nobody.

Another source may show the same aircraft without its identity, as a primary radar does. The
incident agent, which sees all sources, then knows whose echo it is. A track agent sees one source
and cannot know whether another shows an unknown there, so every flight near the border is sighted:

    report of an identified track -> measured, the first in a period -> near the border -> sighted

The periods are the same for all tracks, so that most flights of a source come due in the same frame
and travel in one message. The coarse filter asks this for many rows at once, the updater for one.
"""

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.vicinity import BorderVicinity
from skyfence.contracts.base import round_degrees
from skyfence.contracts.track_event import FlightSighting
from skyfence.geometry.arrays import Floats, Mask
from skyfence.policy.parameters import DetectionParameters
from skyfence.times import from_ms
from skyfence.tracks.observation import Observation
from skyfence.tracks.track_state import TrackState

Times = TypeVar("Times", int, npt.NDArray[np.int64])


class FlightSights:
    """Says which reports of identified flights are published."""

    def __init__(self, airspace: Airspace, parameters: DetectionParameters) -> None:
        self._every_ms: Final = parameters.flight_sighted_every_ms
        self._vicinity = BorderVicinity(
            airspace.protected_border_bounds_m, parameters.flight_sighted_within_m
        )

    def next_due_ms(self, time_ms: Times) -> Times:
        """Return when the period after the one of a time begins, both ms since 1970."""
        return time_ms - time_ms % self._every_ms + self._every_ms

    def are_near(self, lons: Floats, lats: Floats) -> Mask:
        """Tell for each place (degrees), (n,), whether flights there are published."""
        return self._vicinity.contains(lons, lats)

    def sight(self, track: TrackState) -> FlightSighting | None:
        """Return where a track is, if its last report is one to publish; note when the next is."""
        observation = track.observation
        identified = track.suppressed_by is not None and track.violation is None
        if not identified or observation.time_ms < track.flight_due_ms or observation.coasted:
            return None
        track.flight_due_ms = self.next_due_ms(observation.time_ms)
        (near,) = self.are_near(np.array([observation.lon]), np.array([observation.lat]))
        return sighting_of(track.track_id, observation) if near else None


def sighting_of(track_id: str, observation: Observation) -> FlightSighting:
    """Return a report of an identified track, by the track's name, as it is published."""
    frame, row = observation.frame, observation.row
    return FlightSighting(
        track_id=track_id,
        time=from_ms(observation.time_ms),
        lat=round_degrees(observation.lat),
        lon=round_degrees(observation.lon),
        accuracy_m=observation.accuracy_m,
        altitude_m=observation.altitude_m,
        ground_speed_mps=frame.number("ground_speed_mps", row),
        course_deg=frame.number("course_deg", row),
        callsign=frame.text("callsign", row),
        icao_address=frame.text("icao_address", row),
    )
