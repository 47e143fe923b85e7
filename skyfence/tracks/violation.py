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
from skyfence.tracks.state import (
    CrossingPoint,
    Passage,
    TrackState,
    ViolationEpisode,
    ViolationStatus,
)

# A duty officer wants to hear when it is this deep, and half as fast again as told.
_DEPTH_MARKS_M = (10_000, 25_000, 50_000, 100_000, 200_000, 400_000)
_FASTER_SHARE = 1.5
_FASTER_MPS = 50.0


def follow(facts: FrameResult, track: TrackState) -> None:
    """Tell what the last report means."""
    episode = track.violation
    if track.suppressed_by is not None and not _stands(episode):
        _identified(facts, track)
        return
    threat.update_forecast(facts, track)
    inside = facts.airspace.is_protected_at(track.inside)
    likely = inside and track.belief.may_enter(facts.parameters)
    if episode is None or episode.status in (ViolationStatus.THREAT, ViolationStatus.EXITED):
        _from_outside(facts, track, likely=likely)
    elif episode.status is ViolationStatus.VIOLATION:
        _from_inside(facts, track, inside=inside)
    else:
        _from_lost(facts, track, likely=likely, inside=inside)


def clip(
    facts: FrameResult, track: TrackState, passage: Passage, odds: float, depth_m: int
) -> None:
    """Tell of a corner that was cut between two reports, if it was cut deep enough."""
    episode = track.violation
    known = episode is not None and episode.status in (
        ViolationStatus.VIOLATION,
        ViolationStatus.LOST,
    )
    needed = facts.parameters.far_in_odds if track.belief.left else facts.parameters.possible_odds
    if odds < needed or known or track.suppressed_by is not None:
        return
    track.entry = passage
    _enter(facts, track, _confidence(facts, track, odds), depth_m)


def lose(facts: FrameResult, track: TrackState, time_ms: int) -> None:
    """Tell that a track is no longer seen, if it was inside or on its way."""
    episode = track.violation
    if episode is None or episode.status not in (ViolationStatus.VIOLATION, ViolationStatus.THREAT):
        return
    episode.was_threat = episode.status is ViolationStatus.THREAT
    _reach(episode, ViolationStatus.LOST, time_ms)
    facts.event("lost", track, CrossingPoint(time_ms, track.observation.lat, track.observation.lon))


def end(facts: FrameResult, track: TrackState, time_ms: int) -> None:
    """Tell that the story is over: out for long enough, or lost for too long."""
    episode = track.violation
    if episode is None:
        return
    place = CrossingPoint(time_ms, track.observation.lat, track.observation.lon)
    facts.event("cleared" if episode.status is ViolationStatus.EXITED else "expired", track, place)
    track.violation = None


def _stands(episode: ViolationEpisode | None) -> bool:
    """Tell whether a story goes on though the object is identified: a confirmed violation does."""
    return (
        episode is not None
        and episode.confidence == "confirmed"
        and episode.status != ViolationStatus.THREAT
    )


def _identified(facts: FrameResult, track: TrackState) -> None:
    if track.violation is not None:
        facts.event("identified", track, track.observation.place, identified_as=track.suppressed_by)
        track.violation = None


def _from_outside(facts: FrameResult, track: TrackState, *, likely: bool) -> None:
    episode = track.violation
    if likely and track.crossed:
        _enter(facts, track, _confidence(facts, track, track.belief.fresh))
    elif likely and episode is None:
        _appear(facts, track)
    elif (episode is None or episode.status is ViolationStatus.EXITED) and threat.is_threat(
        facts, track
    ):
        if track.suppressed_by is None:
            _threaten(facts, track)
    elif episode is not None and episode.status is ViolationStatus.THREAT:
        if facts.airspace.is_protected_at(track.inside):
            return  # at the border: in a moment it is in, or out again
        if threat.has_receded(facts, track):
            facts.event("receded", track, track.observation.place)
            track.violation = None
        elif threat.refresh_ahead(facts, track, episode):
            facts.event("updated", track, track.observation.place, changes=("ahead",))
        else:
            _sight(facts, track, episode)


def _from_inside(facts: FrameResult, track: TrackState, *, inside: bool) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    if not inside and track.belief.is_out(facts.parameters):
        _exit(facts, track)
    elif episode.confidence == "possible" and track.crossed and _is_sure(facts, track):
        episode.confidence = "confirmed"
        _locate(facts, track, episode)
        facts.event("confirmed", track, track.observation.place)
    else:
        _update(facts, track, episode)


def _from_lost(facts: FrameResult, track: TrackState, *, likely: bool, inside: bool) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    if episode.away and not inside:
        return  # what jumped there need not be the object that was lost
    episode.away = False
    if episode.was_threat and not likely:
        _threaten(facts, track)
    elif episode.was_threat and track.crossed:
        _enter(facts, track, _confidence(facts, track, track.belief.fresh))
    elif episode.was_threat:
        _appear(facts, track)
    elif inside:
        _reach(episode, ViolationStatus.VIOLATION, track.observation.time_ms)
        _locate(facts, track, episode)
        threat.refresh_ahead(facts, track, episode)
        _note_depth(facts, track, episode)
        facts.event("reacquired", track, track.observation.place)
    elif track.belief.is_out(facts.parameters):
        _exit(facts, track)


def _open(track: TrackState, status: ViolationStatus, confidence: Confidence) -> ViolationEpisode:
    now_ms = track.observation.time_ms
    track.violation = ViolationEpisode(now_ms, status, confidence, now_ms)
    return track.violation


def _threaten(facts: FrameResult, track: TrackState) -> None:
    episode = track.violation or _open(track, ViolationStatus.THREAT, "possible")
    _reach(episode, ViolationStatus.THREAT, track.observation.time_ms)
    episode.confidence, episode.regions = "possible", ()
    threat.refresh_ahead(facts, track, episode)
    _note_speed(facts, track, episode)
    facts.event("threatened", track, track.observation.place)


def _enter(
    facts: FrameResult, track: TrackState, confidence: Confidence, deepest_m: int = 0
) -> None:
    episode = track.violation or _open(track, ViolationStatus.VIOLATION, confidence)
    episode.confidence = confidence
    place = _at(track.entry, track)
    track.belief.discard_outside_evidence()
    _reach(episode, ViolationStatus.VIOLATION, place.time_ms)
    _locate(facts, track, episode, place)
    threat.refresh_ahead(facts, track, episode)
    episode.deepest_m = max(episode.deepest_m, deepest_m)
    _note_depth(facts, track, episode)
    _note_speed(facts, track, episode)
    facts.event("entered", track, place)


def _appear(facts: FrameResult, track: TrackState) -> None:
    """Tell of what was first seen inside; of a threat that was lost, people wait to hear."""
    distance_m, _ = facts.airspace.protected_border(track.began.lon, track.began.lat)
    near = round(distance_m) <= facts.policy.near_border_m
    episode = track.violation or _open(
        track, ViolationStatus.VIOLATION, "possible" if near else "fact"
    )
    _reach(episode, ViolationStatus.VIOLATION, track.observation.time_ms)
    _locate(facts, track, episode)
    threat.refresh_ahead(facts, track, episode)
    _note_depth(facts, track, episode)
    _note_speed(facts, track, episode)
    facts.event("appeared", track, track.observation.place)


def _exit(facts: FrameResult, track: TrackState) -> None:
    episode = track.violation
    assert episode is not None  # noqa: S101 - called with one only
    place = _at(track.exit, track)
    _reach(episode, ViolationStatus.EXITED, place.time_ms)
    episode.ahead, episode.ahead_ms, episode.minutes_left, episode.marks = {}, {}, None, {}
    track.crossed = track.belief.left = True  # what comes back from here will have crossed
    facts.event("exited", track, place)


def _update(facts: FrameResult, track: TrackState, episode: ViolationEpisode) -> None:
    before = (episode.nations, episode.regions)
    _locate(facts, track, episode)
    news = {
        "place": (episode.nations, episode.regions) != before,
        "ahead": threat.refresh_ahead(facts, track, episode),
        "deeper": _note_depth(facts, track, episode),
        "faster": _note_speed(facts, track, episode),
    }
    changes = tuple(name for name, is_new in news.items() if is_new)
    if changes:
        facts.event("updated", track, track.observation.place, changes=changes)
    else:
        _sight(facts, track, episode)


def _sight(facts: FrameResult, track: TrackState, episode: ViolationEpisode) -> None:
    if track.observation.time_ms - episode.told_ms >= facts.parameters.sighted_every_ms:
        facts.event("sighted", track, track.observation.place)


def _note_depth(facts: FrameResult, track: TrackState, episode: ViolationEpisode) -> bool:
    """Bring the depth up to date; return whether it passed a mark."""
    deepest_m = max(
        (depth.deepest_m for area, depth in track.depths.items() if _counts(facts, area)),
        default=0.0,
    )
    episode.deepest_m = max(episode.deepest_m, round(deepest_m))
    passed = [mark for mark in _DEPTH_MARKS_M if episode.told_depth_m < mark <= episode.deepest_m]
    episode.told_depth_m = max(episode.told_depth_m, *passed) if passed else episode.told_depth_m
    return bool(passed)


def _counts(facts: FrameResult, area: int) -> bool:
    return area in facts.airspace.protected_areas


def _note_speed(facts: FrameResult, track: TrackState, episode: ViolationEpisode) -> bool:
    motion = track.motion(facts.parameters)
    if motion is None:
        return False
    told = episode.told_speed_mps
    faster = motion.speed_mps >= max(told * _FASTER_SHARE, told + _FASTER_MPS)
    if faster or not told:
        episode.told_speed_mps = motion.speed_mps
    return faster and bool(told)


def _locate(
    facts: FrameResult,
    track: TrackState,
    episode: ViolationEpisode,
    border: CrossingPoint | None = None,
) -> None:
    """Bring nations and regions up to date; where the files know none, the last known stay."""
    airspace = facts.airspace
    inside = airspace.is_protected_at(track.inside)
    at = track.observation.place if inside or border is None else border
    nations = nations_of(airspace, track.inside) if inside else ()
    nations = (
        nations or nearest_nation(airspace, at.lon, at.lat, facts.parameters) or episode.nations
    )
    regions = regions_at(airspace, at.lon, at.lat, nations, episode.regions) or episode.regions
    episode.nations = nations
    episode.regions = regions or nearest_region(airspace, at.lon, at.lat, nations, facts.parameters)


def _is_sure(facts: FrameResult, track: TrackState) -> bool:
    return track.belief.is_in(facts.parameters.confirmed_odds)


def _confidence(facts: FrameResult, track: TrackState, odds: float) -> Confidence:
    sure = odds >= facts.parameters.confirmed_odds or _is_sure(facts, track)
    return "confirmed" if sure else "possible"


def _reach(episode: ViolationEpisode, status: ViolationStatus, time_ms: int) -> None:
    episode.status = status
    episode.since_ms = time_ms


def _at(passage: Passage | None, track: TrackState) -> CrossingPoint:
    return track.observation.place if passage is None else passage.place
