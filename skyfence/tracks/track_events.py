"""Track events as they are published: each says one step of a track's violation episode.

An event's identifier is made of names and whole numbers only, so that the same reports give the
same events on every machine. Does not decide that something happened (``violation``).
"""

from typing import Any

from skyfence.airspace.neighbours import across
from skyfence.contracts.base import round_degrees
from skyfence.contracts.crossing import Evidence
from skyfence.contracts.track_event import Ahead, TrackEvent, TrackEventKind
from skyfence.identity import derive
from skyfence.times import from_ms, to_ms
from skyfence.tracks.context import Context
from skyfence.tracks.evidence import probability
from skyfence.tracks.observation import CrossingPoint
from skyfence.tracks.reach import within_reach
from skyfence.tracks.track_state import Passage, TrackState
from skyfence.tracks.violation_episode import ViolationEpisode


def track_event(
    context: Context, kind: TrackEventKind, track: TrackState, point: CrossingPoint, **more: Any
) -> TrackEvent:
    """Return the next event of a track's episode, and count it there.

    ``point`` is when and where it happened; ``more`` are the fields that only some kinds have
    (``changes``, ``identified_as``). Precondition: the track has an episode.
    """
    episode = track.violation
    assert episode is not None  # noqa: S101 - events are steps of an episode
    episode.event_count += 1
    episode.announced_ms = track.observation.time_ms
    passage = track.entry if kind == "entered" else track.exit if kind == "exited" else None
    evidence = _evidence(track, passage)
    earlier_fixes = track.recent_fixes.take_before(to_ms(evidence.after.time))
    names = (context.environment, track.run, track.source, track.track_id)
    return TrackEvent(
        event_id=derive("event", *names, episode.opened_ms, episode.event_count),
        kind=kind,
        confidence=episode.confidence,
        run=track.run,
        source=track.source,
        track_id=track.track_id,
        opened=from_ms(episode.opened_ms),
        number=episode.event_count,
        time=from_ms(point.time_ms),
        last_seen=from_ms(track.observation.time_ms),
        lat=round_degrees(point.lat),
        lon=round_degrees(point.lon),
        other_side=() if passage is None else _beyond(context, passage.point),
        crossed=track.crossed,
        private_flight=episode.private_flight,
        coasted=track.coasted,
        emergency=track.identification.emergency,
        near_border=round(track.border_m, 0) <= context.parameters.flight_surely_sighted_within_m,
        circling=track.flown_path.circles,
        shown_as=track.shown_as,
        evidence=evidence,
        first=track.path_start.position_fix,
        earlier_fixes=earlier_fixes,
        zones_version=context.airspace.version,
        object=track.observation.object_info,
        within_reach=() if kind == "searched" else within_reach(context, track),
        **_situation(episode),
        **more,
    )


def _evidence(track: TrackState, passage: Passage | None) -> Evidence:
    """Return what a statement about a track rests on: a passage, else its last report."""
    before = passage.before if passage else None
    after = passage.after if passage else track.observation.fix
    point = passage.point if passage else track.observation.point
    return Evidence(
        before=before.position_fix if before else None,
        after=after.position_fix,
        time=from_ms(point.time_ms),
        lat=round_degrees(point.lat),
        lon=round_degrees(point.lon),
        probability=probability(track.belief.last_odds),
        probability_weighed=probability(track.belief.odds),
    )


def _situation(episode: ViolationEpisode) -> dict[str, Any]:
    """Return the fields that say where the object is and what lies ahead, soonest first."""
    ahead = sorted(episode.ahead.items(), key=lambda entry: (entry[1], entry[0]))
    return {
        "nations": episode.nations,
        "regions": episode.regions,
        "ahead": tuple(Ahead(place=place, minutes_left=minutes) for place, minutes in ahead),
        "minutes_left": episode.minutes_left,
        "depth_m": episode.deepest_m,
    }


def _beyond(context: Context, point: CrossingPoint) -> tuple[str, ...]:
    """Return the zones across the outer border at a point; none where no union is protected."""
    outer = context.airspace.protected
    if outer is None:
        return ()
    return across(context.airspace, outer, point.lon, point.lat, context.parameters)
