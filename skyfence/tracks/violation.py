r"""A track's story with the alliance's protected airspace: from the first threat to the end.

    (none) --threatened--> threat --entered--> violation --exited--> exited --cleared--> (none)
      |                      |  \               |    ^  <--entered----'  (threatened again: threat)
      |                   receded lost        lost  reacquired
      |                      v     \             v    |
      |                   (none)    '---------> lost --expired--> (none)
      '--entered, or appeared--> violation

A violation is possible or confirmed. What appears inside without having crossed is possible near
the outer border, and a fact that nobody is told deeper in. What the policy suppresses has no story.
"""

from skyfence.airspace.neighbours import nations_of, nearest_nation, nearest_region, regions_at
from skyfence.contracts.track_event import Confidence
from skyfence.tracks import threat
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import CrossingPoint
from skyfence.tracks.track_state import Passage, TrackState
from skyfence.tracks.violation_episode import ViolationEpisode, ViolationStatus

# A duty officer wants to hear when it is this deep, and half as fast again as told.
_DEPTH_MARKS_M = (10_000, 25_000, 50_000, 100_000, 200_000, 400_000)
_FASTER_SHARE = 1.5
_FASTER_MPS = 50.0


def update(result: FrameResult, track: TrackState) -> None:
    """Tell what the last report means."""
    episode = track.violation
    if track.suppressed_by is not None and not _stands(episode):
        _identified(result, track)
        return
    threat.update_forecast(result, track)
    inside = result.airspace.is_protected_at(track.inside)
    likely = inside and track.belief.may_enter(result.parameters)
    if episode is None or episode.status in (ViolationStatus.THREAT, ViolationStatus.EXITED):
        _from_outside(result, track, likely=likely)
    elif episode.status is ViolationStatus.VIOLATION:
        _from_inside(result, track, inside=inside)
    else:
        _from_lost(result, track, likely=likely, inside=inside)


def clip(
    result: FrameResult, track: TrackState, passage: Passage, odds: float, depth_m: int
) -> None:
    """Tell of a corner that was cut between two reports, if it was cut deep enough."""
    episode = track.violation
    known = episode is not None and episode.status in (
        ViolationStatus.VIOLATION,
        ViolationStatus.LOST,
    )
    needed = (
        result.parameters.far_in_odds if track.belief.has_left else result.parameters.possible_odds
    )
    if odds < needed or known or track.suppressed_by is not None:
        return
    track.entry = passage
    _enter(result, track, _confidence(result, track, odds), depth_m)


def lose(result: FrameResult, track: TrackState, time_ms: int) -> None:
    """Tell that a track is no longer seen, if it was inside or on its way."""
    episode = track.violation
    if episode is None or episode.status not in (ViolationStatus.VIOLATION, ViolationStatus.THREAT):
        return
    episode.was_threat = episode.status is ViolationStatus.THREAT
    _reach(episode, ViolationStatus.LOST, time_ms)
    result.event(
        "lost", track, CrossingPoint(time_ms, track.observation.lat, track.observation.lon)
    )


def end(result: FrameResult, track: TrackState, time_ms: int) -> None:
    """Tell that the story is over: out for long enough, or lost for too long."""
    episode = track.violation
    if episode is None:
        return
    place = CrossingPoint(time_ms, track.observation.lat, track.observation.lon)
    result.event("cleared" if episode.status is ViolationStatus.EXITED else "expired", track, place)
    track.violation = None


def _stands(episode: ViolationEpisode | None) -> bool:
    """Tell whether a story goes on though the object is identified: a confirmed violation does."""
    return (
        episode is not None
        and episode.confidence == "confirmed"
        and episode.status != ViolationStatus.THREAT
    )


def _identified(result: FrameResult, track: TrackState) -> None:
    if track.violation is not None:
        result.event(
            "identified", track, track.observation.point, identified_as=track.suppressed_by
        )
        track.violation = None


def _from_outside(result: FrameResult, track: TrackState, *, likely: bool) -> None:
    episode = track.violation
    if likely and track.crossed:
        _enter(result, track, _confidence(result, track, track.belief.last_odds))
    elif likely and episode is None:
        _appear(result, track)
    elif (episode is None or episode.status is ViolationStatus.EXITED) and threat.is_threat(
        result, track
    ):
        if track.suppressed_by is None:
            _threaten(result, track)
    elif episode is not None and episode.status is ViolationStatus.THREAT:
        if result.airspace.is_protected_at(track.inside):
            return  # at the border: in a moment it is in, or out again
        if threat.has_receded(result, track):
            result.event("receded", track, track.observation.point)
            track.violation = None
        elif threat.refresh_ahead(result, track, episode):
            result.event("updated", track, track.observation.point, changes=("ahead",))
        else:
            _sight(result, track, episode)


def _from_inside(result: FrameResult, track: TrackState, *, inside: bool) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    if not inside and track.belief.is_out(result.parameters):
        _exit(result, track)
    elif episode.confidence == "possible" and track.crossed and _is_sure(result, track):
        episode.confidence = "confirmed"
        _locate(result, track, episode)
        result.event("confirmed", track, track.observation.point)
    else:
        _update(result, track, episode)


def _from_lost(result: FrameResult, track: TrackState, *, likely: bool, inside: bool) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    if episode.seen_elsewhere and not inside:
        return  # what jumped there need not be the object that was lost
    episode.seen_elsewhere = False
    if episode.was_threat and not likely:
        _threaten(result, track)
    elif episode.was_threat and track.crossed:
        _enter(result, track, _confidence(result, track, track.belief.last_odds))
    elif episode.was_threat:
        _appear(result, track)
    elif inside:
        _reach(episode, ViolationStatus.VIOLATION, track.observation.time_ms)
        _locate(result, track, episode)
        threat.refresh_ahead(result, track, episode)
        _note_depth(result, track, episode)
        result.event("reacquired", track, track.observation.point)
    elif track.belief.is_out(result.parameters):
        _exit(result, track)


def _open(track: TrackState, status: ViolationStatus, confidence: Confidence) -> ViolationEpisode:
    now_ms = track.observation.time_ms
    track.violation = ViolationEpisode(now_ms, status, confidence, now_ms)
    return track.violation


def _threaten(result: FrameResult, track: TrackState) -> None:
    episode = track.violation or _open(track, ViolationStatus.THREAT, "possible")
    _reach(episode, ViolationStatus.THREAT, track.observation.time_ms)
    episode.confidence, episode.regions = "possible", ()
    threat.refresh_ahead(result, track, episode)
    _note_speed(result, track, episode)
    result.event("threatened", track, track.observation.point)


def _enter(
    result: FrameResult, track: TrackState, confidence: Confidence, deepest_m: int = 0
) -> None:
    episode = track.violation or _open(track, ViolationStatus.VIOLATION, confidence)
    episode.confidence = confidence
    place = _at(track.entry, track)
    track.belief.discard_outside_evidence()
    _reach(episode, ViolationStatus.VIOLATION, place.time_ms)
    _locate(result, track, episode, place)
    threat.refresh_ahead(result, track, episode)
    episode.deepest_m = max(episode.deepest_m, deepest_m)
    _note_depth(result, track, episode)
    _note_speed(result, track, episode)
    result.event("entered", track, place)


def _appear(result: FrameResult, track: TrackState) -> None:
    """Tell of what was first seen inside; of a threat that was lost, people wait to hear."""
    distance_m, _ = result.airspace.protected_border(track.path_start.lon, track.path_start.lat)
    near = round(distance_m) <= result.policy.near_border_m
    episode = track.violation or _open(
        track, ViolationStatus.VIOLATION, "possible" if near else "fact"
    )
    _reach(episode, ViolationStatus.VIOLATION, track.observation.time_ms)
    _locate(result, track, episode)
    threat.refresh_ahead(result, track, episode)
    _note_depth(result, track, episode)
    _note_speed(result, track, episode)
    result.event("appeared", track, track.observation.point)


def _exit(result: FrameResult, track: TrackState) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    place = _at(track.exit, track)
    _reach(episode, ViolationStatus.EXITED, place.time_ms)
    episode.ahead, episode.ahead_ms, episode.minutes_left, episode.minute_marks = {}, {}, None, {}
    track.crossed = track.belief.has_left = True  # what comes back from here will have crossed
    result.event("exited", track, place)


def _update(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> None:
    before = (episode.nations, episode.regions)
    _locate(result, track, episode)
    news = {
        "place": (episode.nations, episode.regions) != before,
        "ahead": threat.refresh_ahead(result, track, episode),
        "deeper": _note_depth(result, track, episode),
        "faster": _note_speed(result, track, episode),
    }
    changes = tuple(name for name, is_new in news.items() if is_new)
    if changes:
        result.event("updated", track, track.observation.point, changes=changes)
    else:
        _sight(result, track, episode)


def _sight(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> None:
    if track.observation.time_ms - episode.announced_ms >= result.parameters.sighted_every_ms:
        result.event("sighted", track, track.observation.point)


def _note_depth(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> bool:
    """Bring the depth up to date; return whether it passed a mark."""
    deepest_m = max(
        (depth.deepest_m for area, depth in track.depths.items() if _counts(result, area)),
        default=0.0,
    )
    episode.deepest_m = max(episode.deepest_m, round(deepest_m))
    passed = [
        mark for mark in _DEPTH_MARKS_M if episode.announced_depth_m < mark <= episode.deepest_m
    ]
    episode.announced_depth_m = (
        max(episode.announced_depth_m, *passed) if passed else episode.announced_depth_m
    )
    return bool(passed)


def _counts(result: FrameResult, area: int) -> bool:
    return area in result.airspace.protected_areas


def _note_speed(result: FrameResult, track: TrackState, episode: ViolationEpisode) -> bool:
    motion = track.motion(result.parameters)
    if motion is None:
        return False
    told = episode.announced_speed_mps
    faster = motion.speed_mps >= max(told * _FASTER_SHARE, told + _FASTER_MPS)
    if faster or not told:
        episode.announced_speed_mps = motion.speed_mps
    return faster and bool(told)


def _locate(
    result: FrameResult,
    track: TrackState,
    episode: ViolationEpisode,
    border: CrossingPoint | None = None,
) -> None:
    """Bring nations and regions up to date; where the files know none, the last known stay."""
    airspace = result.airspace
    inside = airspace.is_protected_at(track.inside)
    at = track.observation.point if inside or border is None else border
    nations = nations_of(airspace, track.inside) if inside else ()
    nations = (
        nations or nearest_nation(airspace, at.lon, at.lat, result.parameters) or episode.nations
    )
    regions = regions_at(airspace, at.lon, at.lat, nations, episode.regions) or episode.regions
    episode.nations = nations
    episode.regions = regions or nearest_region(
        airspace, at.lon, at.lat, nations, result.parameters
    )


def _is_sure(result: FrameResult, track: TrackState) -> bool:
    return track.belief.is_in(result.parameters.confirmed_odds)


def _confidence(result: FrameResult, track: TrackState, odds: float) -> Confidence:
    sure = odds >= result.parameters.confirmed_odds or _is_sure(result, track)
    return "confirmed" if sure else "possible"


def _reach(episode: ViolationEpisode, status: ViolationStatus, time_ms: int) -> None:
    episode.status = status
    episode.since_ms = time_ms


def _at(passage: Passage | None, track: TrackState) -> CrossingPoint:
    return track.observation.point if passage is None else passage.point
