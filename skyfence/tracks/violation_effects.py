"""What the events of a violation episode change in it: nations, regions, depth, speed, minutes.

Does not decide which event comes (``violation``) nor how it is published (``track_events``).
"""

from dataclasses import dataclass
from typing import Final

from skyfence.airspace.neighbours import nations_of, nearest_nation, nearest_region, regions_at
from skyfence.contracts.track_event import Change, TrackEventKind
from skyfence.policy.civil import NEVER_CIVIL
from skyfence.policy.parameters import SECOND_MS, DetectionParameters
from skyfence.tracks import threat
from skyfence.tracks.context import Context
from skyfence.tracks.observation import CrossingPoint
from skyfence.tracks.reach import speed_mps
from skyfence.tracks.search import LIKELY, POSSIBLE, regions_reached
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.violation_episode import ViolationEpisode, ViolationStatus

# A duty officer wants to hear when it is this deep, and half as fast again as announced.
_DEPTH_MARKS_M: Final = (10_000, 25_000, 50_000, 100_000, 200_000, 400_000)
_FASTER_SHARE: Final = 1.5
_FASTER_MPS: Final = 50.0
# As the border, a region is warned of what was lost inside five minutes before. What was lost
# outside, and may never come, warns regions as close as those that any threat warns.
_WARNED_BEFORE_MS: Final = 300 * SECOND_MS
_THREAT_WARNED_BEFORE_MS: Final = 120 * SECOND_MS


@dataclass(frozen=True, slots=True)
class ClippedCorner:
    """A corner that was cut between two reports: how deep its middle was, and how surely inside."""

    odds: float  # log odds
    depth_m: int


def open_episode(track: TrackState, status: ViolationStatus, since_ms: int) -> ViolationEpisode:
    """Return a new episode, opened at the last report; ``since_ms`` is when its status began."""
    return ViolationEpisode(
        opened_ms=track.observation.time_ms,
        status=status,
        confidence="possible",
        since_ms=since_ms,
    )


def _may_be_private(context: Context, track: TrackState) -> bool:
    """Tell whether what was first seen inside may well be a private flight without a transponder.

    Not where it may have come over the border unseen, and not where the policy tells everybody.
    """
    rules = context.policy.inside
    if rules.private_flights == "all" or track.crossed:
        return False
    start = track.path_start
    distance_m, _ = context.airspace.protected_border(start.lon, start.lat)
    far_in = round(distance_m) >= rules.near_border_m
    return far_in and track.identification.may_be_private(track.observation.object_info)


def is_private_still(track: TrackState, episode: ViolationEpisode) -> bool:
    """Tell whether an episode is that of a private flight, by the last report too."""
    info = track.observation.object_info
    return episode.private_flight and track.identification.may_be_private(info)


def reach(episode: ViolationEpisode, status: ViolationStatus, time_ms: int) -> None:
    """Put an episode into a status, as of a time; nothing changes where it has that already."""
    if status is episode.status:
        return
    if status is ViolationStatus.LOST:
        episode.was_threat = episode.status is ViolationStatus.THREAT
        episode.search_count = 0
    elif episode.status is ViolationStatus.LOST:
        episode.seen_elsewhere = False
    episode.status, episode.since_ms = status, time_ms


def apply_effects(
    context: Context,
    track: TrackState,
    kind: TrackEventKind,
    point: CrossingPoint,
    corner: ClippedCorner | None,
) -> None:
    """Change a track's episode as an event of this kind does; some kinds change nothing more."""
    episode = track.violation
    assert episode is not None  # noqa: S101 - events are steps of an episode
    _note_alarms(track, episode)
    if kind == "threatened":
        episode.confidence, episode.regions, episode.private_flight = "possible", (), False
        threat.refresh_ahead(context, track, episode)
        _note_speed(context, track, episode)
    elif kind == "entered":
        _enter(context, track, episode, point, corner)
    elif kind in ("appeared", "reacquired"):
        _locate(context, track, episode)
        threat.refresh_ahead(context, track, episode)
        _note_depth(context, track, episode)
        if kind == "appeared":
            # What was a threat before has an origin.
            is_first = episode.event_count == 0
            episode.private_flight = is_first and _may_be_private(context, track)
            _note_speed(context, track, episode)
    elif kind == "confirmed":
        episode.confidence, episode.private_flight = "confirmed", False
        _locate(context, track, episode)
    elif kind == "lost":
        episode.search_for_ms = _search_for_ms(context, track, episode)
    elif kind == "exited":
        episode.back_within_ms = round(context.policy.hold.exit_s * SECOND_MS)
        episode.ahead, episode.ahead_ms = {}, {}
        # After an exit the minute marks start again.
        episode.minutes_left, episode.minute_marks = None, {}
        track.crossed = track.belief.has_left = True  # what comes back from here will have crossed


def _search_for_ms(context: Context, track: TrackState, episode: ViolationEpisode) -> int:
    """Return for how long what is lost is searched for, milliseconds.

    A threat for as long as it needs, at its last speed, to be deep inside.
    """
    lost, parameters = context.policy.lost, context.parameters
    if episode.was_threat:
        seconds = (track.border_m + lost.threat_depth_m) / speed_mps(context, track)
        return min(round(seconds) * SECOND_MS, parameters.threat_expires_after_ms)
    return min(round(lost.regions_for_s * SECOND_MS), parameters.expire_after_ms)


def search(context: Context, track: TrackState, episode: ViolationEpisode) -> None:
    """Estimate anew where what is lost can be soon; what was lost inside, in the end nowhere.

    Where it was seen last it may have come down. What was lost before the border is soon over, and
    lets no region go before. Precondition: it is due, see ``search_ms``.
    """
    now_ms, end_ms = episode.search_ms(), episode.since_ms + episode.search_for_ms
    episode.search_count += 1
    if now_ms is None or now_ms >= end_ms:
        episode.regions, episode.ahead = (), {}
        return
    before_ms = _THREAT_WARNED_BEFORE_MS if episode.was_threat else _WARNED_BEFORE_MS
    until_ms = max(episode.search_ms() or end_ms, now_ms + before_ms)
    likely = regions_reached(context, track, now_ms, until_ms, LIKELY)
    possible = regions_reached(context, track, now_ms, until_ms, POSSIBLE)
    kept = episode.ahead if episode.was_threat else {}
    episode.ahead = kept | {
        place: minutes
        for place, minutes in possible.items()
        if (place in likely or place in episode.ahead) and place not in episode.regions
    }


def changes_since(
    context: Context, track: TrackState, episode: ViolationEpisode
) -> tuple[Change, ...]:
    """Bring an episode up to date; return what people should hear of it since the last event."""
    alarms = _note_alarms(track, episode)
    if episode.status is ViolationStatus.THREAT:
        return ("ahead", *alarms) if threat.refresh_ahead(context, track, episode) else alarms
    before = (episode.nations, episode.regions, episode.private_flight)
    episode.private_flight = is_private_still(track, episode)
    _locate(context, track, episode)
    news: dict[Change, bool] = {
        "place": (episode.nations, episode.regions, episode.private_flight) != before,
        "ahead": threat.refresh_ahead(context, track, episode),
        "deeper": _note_depth(context, track, episode),
        "faster": _note_speed(context, track, episode),
    }
    return (*(change for change, is_new in news.items() if is_new), *alarms)


def _note_alarms(track: TrackState, episode: ViolationEpisode) -> tuple[Change, ...]:
    """Note an emergency, or a drone's or missile's category; return which of them are new."""
    category, changes = track.observation.object_info.category, list[Change]()
    if track.identification.emergency and "emergency" not in episode.announced_alarms:
        episode.announced_alarms += ("emergency",)
        changes.append("emergency")
    if category in NEVER_CIVIL and category not in episode.announced_alarms:
        episode.announced_alarms += (category,)
        changes.append("category")
    return tuple(changes)


def _enter(
    context: Context,
    track: TrackState,
    episode: ViolationEpisode,
    point: CrossingPoint,
    corner: ClippedCorner | None,
) -> None:
    odds, confirmed_odds = track.belief.last_odds, context.parameters.confirmed_odds
    if corner is not None:
        odds, episode.deepest_m = corner.odds, max(episode.deepest_m, corner.depth_m)
    episode.private_flight = False  # now it came over the border
    is_sure = odds >= confirmed_odds or track.belief.is_in(confirmed_odds)
    episode.confidence = "confirmed" if is_sure else "possible"
    track.belief.discard_outside_evidence()
    _locate(context, track, episode, border=point)
    threat.refresh_ahead(context, track, episode)
    _note_depth(context, track, episode)
    _note_speed(context, track, episode)


def _note_depth(context: Context, track: TrackState, episode: ViolationEpisode) -> bool:
    """Bring the depth up to date; return whether it passed a mark."""
    protected = context.airspace.protected_areas
    deepest_m = max(
        (depth.deepest_m for area, depth in track.depths.items() if area in protected), default=0.0
    )
    episode.deepest_m = max(episode.deepest_m, round(deepest_m))
    passed = [
        mark for mark in _DEPTH_MARKS_M if episode.announced_depth_m < mark <= episode.deepest_m
    ]
    episode.announced_depth_m = max([episode.announced_depth_m, *passed])
    return bool(passed)


def _note_speed(context: Context, track: TrackState, episode: ViolationEpisode) -> bool:
    """Note the first speed and each that is much faster; return whether it is much faster."""
    motion = track.motion(context.parameters)
    if motion is None:
        return False
    announced_mps = episode.announced_speed_mps
    faster = motion.speed_mps >= max(announced_mps * _FASTER_SHARE, announced_mps + _FASTER_MPS)
    if faster or not announced_mps:
        episode.announced_speed_mps = motion.speed_mps
    return faster and bool(announced_mps)


def _locate(
    context: Context,
    track: TrackState,
    episode: ViolationEpisode,
    border: CrossingPoint | None = None,
) -> None:
    """Bring nations and regions up to date; where the files know none, the last known stay.

    What circles is in all that it is over in a round, so that it does not come and go with each.
    ``border`` is where the track crossed: the place that counts if it is outside again by now.
    """
    airspace, parameters = context.airspace, context.parameters
    inside = airspace.is_protected_at(track.inside)
    point = track.observation.point if inside or border is None else border
    nations = nations_of(airspace, track.inside) if inside else ()
    nations = nations or nearest_nation(airspace, point.lon, point.lat, parameters)
    nations = _with_round(track, episode, nations, episode.nations, parameters)
    episode.nations = nations
    regions = regions_at(airspace, point.lon, point.lat, nations, episode.regions)
    regions = _with_round(track, episode, regions, episode.regions, parameters)
    episode.regions = regions or nearest_region(airspace, point.lon, point.lat, nations, parameters)


def _with_round(
    track: TrackState,
    episode: ViolationEpisode,
    places: tuple[str, ...],
    before: tuple[str, ...],
    parameters: DetectionParameters,
) -> tuple[str, ...]:
    """Return the places that a track is in; if it circles, with those of its present round.

    ``before`` are those that it was in so far; they stay where it is in none now.
    """
    now_ms = track.observation.time_ms
    episode.been_ms |= dict.fromkeys(places, now_ms)
    if not places or not track.flown_path.circles:
        return places or before
    due_ms = now_ms - parameters.circle_ms
    kept = [place for place in before if episode.been_ms.get(place, 0) > due_ms]
    return tuple(sorted({*places, *kept}))
