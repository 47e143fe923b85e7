"""What a track heads for: forecasts at intervals, with a memory so that they do not flicker.

A threat counts when the fan of likely courses has mostly met the border for some seconds (a turn
that sweeps past is none), at once where less than a minute is left, or where a slow radar shows
that the course was kept. It is over when the fan has hardly met it for as long as a full circle
takes, and the object is too far away to be back soon, or has headed elsewhere for long. Regions
ahead join at that share where they are near; those farther off at a larger share, after a straight
flight, and only some way behind the border.

Does not decide what follows from it (``violation``).
"""

from collections.abc import Mapping
from typing import Final

from skyfence.airspace.neighbours import nearest_nation, nearest_region
from skyfence.contracts.track_event import minute_mark
from skyfence.geometry.geodesy import WGS84
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks.context import Context
from skyfence.tracks.forecast import Arrival, Forecast, forecast
from skyfence.tracks.motion import Motion
from skyfence.tracks.reach import can_be_back
from skyfence.tracks.track_state import ForecastState, TrackState
from skyfence.tracks.violation_episode import ViolationEpisode, ViolationStatus

# A region stays ahead where more than the outermost course of the fan reaches it.
_STAY_SHARE: Final = 0.2
# How much of the fan must reach a region for it to be warned: the farther off it is, the more.
_CLOSE_S: Final = 120
_NEAR_S: Final = 300
_NEAR_SHARE: Final = 0.75
_FAR_SHARE: Final = 0.95
# From five minutes on the track must have kept its course for as long, and of what is farther than
# twelve minutes off no rule that was tried came true often enough. Unless it is close, a region is
# not warned of what would be deeper inside than this by then: most flights have ended or turned.
# So seven of ten first warnings with less than ten minutes left come true; beyond, fewer were
# measured, of few (docs/score.md).
_STEADY_S: Final = 300
_FURTHEST_S: Final = 720
_NEAR_DEPTH_M: Final = 70_000
_FAR_DEPTH_M: Final = 45_000
# Courses wander by this much in twenty minutes; a turn at a waypoint is sharper.
_STEADY_DEG: Final = 25
# A quarter of the quickest round.
_STEADY_CIRCLING_S: Final = 60


def update_forecast(context: Context, track: TrackState) -> None:
    """Forecast from the last report, if the last forecast is older than ``forecast_every_ms``."""
    state, now_ms, parameters = track.forecast, track.observation.time_ms, context.parameters
    if state.time_ms is not None and now_ms - state.time_ms < parameters.forecast_every_ms:
        return
    state.time_ms = now_ms
    motion = track.motion(parameters)
    _remember_course(state, motion, now_ms)
    if motion is None:
        state.latest = Forecast()
    else:
        state.latest = forecast(
            context.airspace,
            (track.observation.lon, track.observation.lat),
            motion,
            context.policy.look_ahead_s,
            frozenset(track.inside | track.ground),
            likely=parameters.threat_share if track.violation is None else 0.0,
        )
    _remember_heading(context, state, now_ms)


def is_threat(context: Context, track: TrackState) -> bool:
    """Tell whether the track has headed for the protected airspace for long enough."""
    state, border = track.forecast, track.forecast.latest.border
    if state.heads_for_since_ms is None or border is None:
        return False
    parameters, since_ms = context.parameters, state.heads_for_since_ms
    if track.scan_ms is not None and track.scan_ms > parameters.threat_holds_ms:
        # The next report of a slow radar comes a scan later, and would show no more than this one:
        # that the object has not turned since the one before.
        since_ms = min(since_ms, state.steady_since_ms)
    at_once = border.seconds <= parameters.threat_at_once_s
    return at_once or track.observation.time_ms - since_ms >= parameters.threat_holds_ms


def has_receded(context: Context, track: TrackState) -> bool:
    """Tell whether the track has headed elsewhere for long enough, and cannot be back soon."""
    since_ms = track.forecast.heads_away_since_ms
    held_ms = 0 if since_ms is None else track.observation.time_ms - since_ms
    if held_ms < context.parameters.recede_holds_ms:
        return False
    hold = context.policy.hold
    within_s = hold.exit_s if track.belief.has_left else hold.threat_s
    return held_ms >= hold.away_s * SECOND_MS or not can_be_back(context, track, within_s)


def refresh_ahead(context: Context, track: TrackState, episode: ViolationEpisode) -> bool:
    """Bring an episode's regions ahead and minutes up to date; return whether people should hear.

    They should when a region joins or is dropped, or when minutes left pass a mark.
    """
    latest = track.forecast.latest
    before = set(episode.ahead)
    episode.ahead = _minutes_ahead(context, track, episode)
    if episode.status is ViolationStatus.THREAT:
        _aim(context, track, episode)
    episode.minutes_left = None if latest.border is None else latest.border.seconds // 60
    passed = _passes_mark(episode, "", latest.border)
    arrivals = {
        _zone_id(context, area): arrival for area, arrival in (latest.regions or {}).items()
    }
    for place in episode.ahead:
        passed = _passes_mark(episode, place, arrivals.get(place)) or passed
    return passed or set(episode.ahead) != before


def _aim(context: Context, track: TrackState, episode: ViolationEpisode) -> None:
    """Set whose border a threat will reach: the nation, and a region if none is clearly ahead."""
    latest, observation = track.forecast.latest, track.observation
    airspace, parameters = context.airspace, context.parameters
    motion = track.motion(parameters)
    if latest.border is None or motion is None:
        return
    reach_m = motion.speed_mps * latest.border.seconds
    lon, lat, _ = WGS84.fwd(observation.lon, observation.lat, motion.course_deg, reach_m)
    nations = {airspace.zones[area].nation for area in _first_likely(context, latest.regions or {})}
    if latest.border_area is not None and latest.border_area != airspace.protected:
        nations = {airspace.zones[latest.border_area].nation}
    nearest = tuple(sorted(nations)) or nearest_nation(airspace, lon, lat, parameters)
    episode.nations = nearest or episode.nations
    if observation.time_ms not in episode.ahead_ms.values():  # no region is ahead now
        for place in nearest_region(airspace, lon, lat, episode.nations, parameters):
            episode.ahead[place] = latest.border.seconds // 60
            episode.ahead_ms[place] = observation.time_ms


def _remember_heading(context: Context, state: ForecastState, now_ms: int) -> None:
    """Note since when forecasts have said that the track heads for the border, or away from it."""
    border = state.latest.border
    share = 0.0 if border is None else border.share
    if share < context.parameters.threat_share:
        state.heads_for_since_ms = None
    elif state.heads_for_since_ms is None:
        state.heads_for_since_ms = now_ms
    if share > context.parameters.clear_share:
        state.heads_away_since_ms = None
    elif state.heads_away_since_ms is None:
        state.heads_away_since_ms = now_ms


def _remember_course(state: ForecastState, motion: Motion | None, now_ms: int) -> None:
    """Note since when the track has kept its course, as exactly as that is known."""
    if motion is None:
        state.course_deg = None
        return
    if state.course_deg is not None:
        turned_deg = abs((motion.course_deg - state.course_deg + 180.0) % 360.0 - 180.0)
        if round(turned_deg) <= max(_STEADY_DEG, round(2 * motion.sigma_deg)):
            return
    state.course_deg, state.steady_since_ms = motion.course_deg, now_ms


def _is_ahead(
    context: Context, track: TrackState, episode: ViolationEpisode, arrival: Arrival
) -> bool:
    """Tell whether a region is to be warned that the forecast says the track will reach.

    The farther off, the more of the fan must reach it, and the track must have kept its course:
    drones turn at waypoints, which no fan foresees. What circles points everywhere in turn.
    """
    state = track.forecast
    steady_s = (track.observation.time_ms - state.steady_since_ms) // SECOND_MS
    if track.flown_path.circles and steady_s < _STEADY_CIRCLING_S:
        return False
    if arrival.seconds < _CLOSE_S:
        return arrival.share >= context.parameters.threat_share
    depth_m = round(_depth_then_m(context, track, episode, arrival))
    if arrival.seconds < _NEAR_S:
        return arrival.share >= _NEAR_SHARE and depth_m <= _NEAR_DEPTH_M
    is_straight = arrival.share >= _FAR_SHARE and steady_s >= _STEADY_S
    return is_straight and arrival.seconds < _FURTHEST_S and depth_m <= _FAR_DEPTH_M


def _depth_then_m(
    context: Context, track: TrackState, episode: ViolationEpisode, arrival: Arrival
) -> float:
    """Return how far inside an object will have been when it arrives, metres, by its way there."""
    motion, border = track.motion(context.parameters), track.forecast.latest.border
    speed_mps = 0.0 if motion is None else motion.speed_mps
    inside_s = arrival.seconds - (0 if border is None else border.seconds)
    return episode.deepest_m + speed_mps * inside_s


def _minutes_ahead(
    context: Context, track: TrackState, episode: ViolationEpisode
) -> dict[str, int]:
    """Return the minutes left to each region ahead, the last known ones where it turned away.

    Those of what circles stay for a round.
    """
    parameters, now_ms = context.parameters, track.observation.time_ms
    circles = track.flown_path.circles
    kept_ms = parameters.circle_ms if circles else parameters.recede_holds_ms
    ahead: dict[str, int] = {}
    for area, arrival in (track.forecast.latest.regions or {}).items():
        place = _zone_id(context, area)
        stays = place in episode.ahead and arrival.share > _STAY_SHARE
        if stays or _is_ahead(context, track, episode, arrival):
            ahead[place] = arrival.seconds // 60
            episode.ahead_ms[place] = now_ms
    for place, minutes in episode.ahead.items():
        if now_ms - episode.ahead_ms.get(place, 0) < kept_ms:
            ahead.setdefault(place, minutes)
    return {place: minutes for place, minutes in ahead.items() if place not in episode.regions}


def _first_likely(context: Context, arrivals: Mapping[int, Arrival]) -> list[int]:
    """Return the first region to be reached, among those that most of the fan reaches."""
    likely = [
        (arrival.seconds, area)
        for area, arrival in arrivals.items()
        if arrival.share >= context.parameters.threat_share
    ]
    return [min(likely)[1]] if likely else []


def _passes_mark(episode: ViolationEpisode, place: str, arrival: Arrival | None) -> bool:
    """Note the lowest minute mark that the time left is within; return whether it fell."""
    if arrival is None:
        return False
    mark = minute_mark(arrival.seconds // 60)
    lowest = episode.minute_marks.get(place, mark)
    episode.minute_marks[place] = min(mark, lowest)
    return mark < lowest


def _zone_id(context: Context, area: int) -> str:
    return context.airspace.zones[area].id
