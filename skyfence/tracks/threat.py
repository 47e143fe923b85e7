"""What a track heads for: forecasts at intervals, with a memory so that they do not flicker.

A threat counts when the fan of likely courses has mostly met the border for some seconds (a turn
that sweeps past is none), at once where less than a minute is left; it is over when the fan has
hardly met it for as long as a full circle takes. Regions ahead join at the same share and go alike.
"""

from collections.abc import Mapping

from skyfence.airspace.neighbours import nearest_nation, nearest_region
from skyfence.contracts.track_event import minute_mark
from skyfence.geometry.geodesy import WGS84
from skyfence.tracks.forecast import Arrival, Forecast, forecast
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.track_state import ForecastState, TrackState
from skyfence.tracks.violation_episode import ViolationEpisode, ViolationStatus


def update_forecast(result: FrameResult, track: TrackState) -> None:
    """Look ahead, if the last look is old."""
    state, now_ms, parameters = track.forecast, track.observation.time_ms, result.parameters
    if state.time_ms is not None and now_ms - state.time_ms < parameters.forecast_every_ms:
        return
    state.time_ms = now_ms
    motion = track.motion(parameters)
    if motion is None:
        state.latest = Forecast()
    else:
        place = (track.observation.lon, track.observation.lat)
        state.latest = forecast(
            result.airspace,
            place,
            motion,
            result.policy.look_ahead_s,
            frozenset(track.inside),
            likely=parameters.threat_share if track.violation is None else 0.0,
        )
    _remember(result, state, now_ms)


def is_threat(result: FrameResult, track: TrackState) -> bool:
    """Tell whether the track has headed for the protected airspace for long enough."""
    state, border = track.forecast, track.forecast.latest.border
    if state.heads_for_since_ms is None or border is None:
        return False
    held_ms = track.observation.time_ms - state.heads_for_since_ms
    at_once = border.seconds <= result.parameters.threat_at_once_s
    return at_once or held_ms >= result.parameters.threat_holds_ms


def has_receded(result: FrameResult, track: TrackState) -> bool:
    """Tell whether the track has headed elsewhere for long enough."""
    since_ms = track.forecast.heads_away_since_ms
    held_ms = 0 if since_ms is None else track.observation.time_ms - since_ms
    return held_ms >= result.parameters.recede_holds_ms


def refresh_ahead(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> bool:
    """Bring a story's regions ahead and minutes up to date; return whether people should hear.

    They should when a region joins or is dropped, or when minutes left pass a mark.
    """
    found = track.forecast.latest
    before = set(episode.ahead)
    episode.ahead = _ahead(result, track, episode)
    if episode.status is ViolationStatus.THREAT:
        _aim(result, track, episode)
    episode.minutes_left = None if found.border is None else found.border.seconds // 60
    passed = _passes_mark(episode, "", found.border)
    arrivals = {_zone(result, area): one for area, one in (found.regions or {}).items()}
    for place in episode.ahead:
        passed = _passes_mark(episode, place, arrivals.get(place)) or passed
    return passed or set(episode.ahead) != before


def _aim(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> None:
    """Set whose border a threat will reach: the nation, and a region if none is clearly ahead."""
    found, observation = track.forecast.latest, track.observation
    motion = track.motion(result.parameters)
    if found.border is None or motion is None:
        return
    reach_m = motion.speed_mps * found.border.seconds
    lon, lat, _ = WGS84.fwd(observation.lon, observation.lat, motion.course_deg, reach_m)
    airspace, parameters = result.airspace, result.parameters
    nations = {airspace.zones[area].nation for area in _clearly(result, found.regions or {})}
    if found.border_area is not None and found.border_area != airspace.protected:
        nations = {airspace.zones[found.border_area].nation}
    nearest = tuple(sorted(nations)) or nearest_nation(airspace, lon, lat, parameters)
    episode.nations = nearest or episode.nations
    if observation.time_ms not in episode.ahead_ms.values():  # no region is ahead now
        for place in nearest_region(airspace, lon, lat, episode.nations, parameters):
            episode.ahead[place] = found.border.seconds // 60
            episode.ahead_ms[place] = observation.time_ms


def _remember(result: FrameResult, state: ForecastState, now_ms: int) -> None:
    border = state.latest.border
    share = 0.0 if border is None else border.share
    if share < result.parameters.threat_share:
        state.heads_for_since_ms = None
    elif state.heads_for_since_ms is None:
        state.heads_for_since_ms = now_ms
    if share > result.parameters.clear_share:
        state.heads_away_since_ms = None
    elif state.heads_away_since_ms is None:
        state.heads_away_since_ms = now_ms


def _ahead(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> dict[str, int]:
    """Return the minutes left to each region ahead, the last known ones where it turned away."""
    parameters, now_ms = result.parameters, track.observation.time_ms
    found: dict[str, int] = {}
    for area, arrival in (track.forecast.latest.regions or {}).items():
        place = _zone(result, area)
        stays = place in episode.ahead and arrival.share > parameters.clear_share
        if stays or arrival.share >= parameters.threat_share:
            found[place] = arrival.seconds // 60
            episode.ahead_ms[place] = now_ms
    for place, minutes in episode.ahead.items():
        if now_ms - episode.ahead_ms.get(place, 0) < parameters.recede_holds_ms:
            found.setdefault(place, minutes)
    return {place: left for place, left in found.items() if place not in episode.regions}


def _clearly(result: FrameResult, arrivals: Mapping[int, Arrival]) -> list[int]:
    """Return the first region to be reached, among those that most of the fan reaches."""
    likely = [
        (arrival.seconds, area)
        for area, arrival in arrivals.items()
        if arrival.share >= result.parameters.threat_share
    ]
    return [min(likely)[1]] if likely else []


def _passes_mark(episode: ViolationEpisode, place: str, arrival: Arrival | None) -> bool:
    """Note the lowest mark that the time left is within; return whether it fell."""
    if arrival is None:
        return False
    mark = minute_mark(arrival.seconds // 60)
    fell = mark < episode.minute_marks.get(place, mark)
    episode.minute_marks[place] = min(mark, episode.minute_marks.get(place, mark))
    return fell


def _zone(result: FrameResult, area: int) -> str:
    return result.airspace.zones[area].id
