"""The state machine of a track's episode with the protected airspace, as a table.

    report or timer --> signal --(status, signal)--> (status, event) --> effects --> track event

``TRANSITIONS`` is all of it; ARCHITECTURE.md draws it. What changes no status (``updated``,
``sighted``, ``searched``) is told while an episode goes on without a signal. What an event changes
in the episode is in ``violation_effects``.

A violation is possible or confirmed, by its evidence, whether the track came over the border or was
first seen inside; what then may well be a private flight stays possible. What the policy suppresses
has no episode, unless a violation was confirmed before.
"""

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import Final

from skyfence.contracts.track_event import TrackEvent, TrackEventKind
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks import threat
from skyfence.tracks.context import Context
from skyfence.tracks.observation import CrossingPoint
from skyfence.tracks.reach import can_be_back
from skyfence.tracks.track_events import track_event
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.violation_effects import (
    ClippedCorner,
    apply_effects,
    changes_since,
    is_private_still,
    open_episode,
    reach,
    search,
)
from skyfence.tracks.violation_episode import ViolationEpisode, ViolationStatus


class Signal(StrEnum):
    """What the last report, or a timer, says of a track."""

    IDENTIFIED = auto()  # the policy knows the object, and no confirmed violation stands
    APPROACHING = auto()  # heads for the border for long enough; or a lost threat is seen again
    RECEDING = auto()  # has headed elsewhere for long enough
    CROSSED_IN = auto()  # is likely inside, and its path crossed the border
    CLIPPED = auto()  # cut a corner deep enough between two reports
    FOUND_INSIDE = auto()  # is likely inside, and was never seen outside
    CONFIRMED = auto()  # is inside beyond doubt, and was only possible
    OUTSIDE = auto()  # is outside again for sure
    GONE = auto()  # has been outside for some time, and cannot be back soon
    SEEN_AGAIN = auto()  # was lost inside, and is seen there
    UNSEEN = auto()  # no report for too long, or the last by its source's word
    TIME_UP = auto()  # the deadline of its status has come


NONE: Final = None  # no episode
THREAT, VIOLATION = ViolationStatus.THREAT, ViolationStatus.VIOLATION
EXITED, LOST = ViolationStatus.EXITED, ViolationStatus.LOST

# A pair that is not here cannot come up (a test lists these); an event None: nothing happens.
TRANSITIONS: Final[
    Mapping[
        tuple[ViolationStatus | None, Signal], tuple[ViolationStatus | None, TrackEventKind | None]
    ]
] = {
    # Nothing that concerns people.
    (NONE, Signal.IDENTIFIED): (NONE, None),
    (NONE, Signal.APPROACHING): (THREAT, "threatened"),
    (NONE, Signal.CROSSED_IN): (VIOLATION, "entered"),
    (NONE, Signal.CLIPPED): (VIOLATION, "entered"),
    (NONE, Signal.FOUND_INSIDE): (VIOLATION, "appeared"),
    (NONE, Signal.UNSEEN): (NONE, None),
    # A threat.
    (THREAT, Signal.IDENTIFIED): (NONE, "identified"),
    (THREAT, Signal.RECEDING): (NONE, "receded"),
    (THREAT, Signal.CROSSED_IN): (VIOLATION, "entered"),
    (THREAT, Signal.CLIPPED): (VIOLATION, "entered"),
    (THREAT, Signal.UNSEEN): (LOST, "lost"),
    # Inside.
    (VIOLATION, Signal.IDENTIFIED): (NONE, "identified"),
    (VIOLATION, Signal.CLIPPED): (VIOLATION, None),
    (VIOLATION, Signal.CONFIRMED): (VIOLATION, "confirmed"),
    (VIOLATION, Signal.OUTSIDE): (EXITED, "exited"),
    (VIOLATION, Signal.UNSEEN): (LOST, "lost"),
    # Out again.
    (EXITED, Signal.IDENTIFIED): (NONE, "identified"),
    (EXITED, Signal.APPROACHING): (THREAT, "threatened"),
    (EXITED, Signal.CROSSED_IN): (VIOLATION, "entered"),
    (EXITED, Signal.CLIPPED): (VIOLATION, "entered"),
    (EXITED, Signal.UNSEEN): (EXITED, None),
    (EXITED, Signal.GONE): (NONE, "cleared"),
    (EXITED, Signal.TIME_UP): (NONE, "cleared"),
    # Not seen any more.
    (LOST, Signal.IDENTIFIED): (NONE, "identified"),
    (LOST, Signal.APPROACHING): (THREAT, "threatened"),
    (LOST, Signal.CROSSED_IN): (VIOLATION, "entered"),
    (LOST, Signal.CLIPPED): (LOST, None),
    (LOST, Signal.FOUND_INSIDE): (VIOLATION, "appeared"),
    (LOST, Signal.SEEN_AGAIN): (VIOLATION, "reacquired"),
    (LOST, Signal.OUTSIDE): (EXITED, "exited"),
    (LOST, Signal.UNSEEN): (LOST, None),
    (LOST, Signal.TIME_UP): (NONE, "expired"),
}


def update(context: Context, track: TrackState) -> TrackEvent | None:
    """Take in a track's last report, already weighed as evidence; return what it means."""
    if track.suppressed_by is not None and not _stands(track.violation):
        return _step(context, track, Signal.IDENTIFIED)
    threat.update_forecast(context, track)
    if not _is_established(context, track):
        return None
    signal = _signal(context, track)
    if signal is None:
        return _go_on(context, track)
    return _step(context, track, signal)


def clip(context: Context, track: TrackState, corner: ClippedCorner) -> TrackEvent | None:
    """Take in a corner that was cut between two reports, if it was cut deep enough."""
    parameters = context.parameters
    needed = parameters.far_in_odds if track.belief.has_left else parameters.possible_odds
    if corner.odds < needed or track.suppressed_by is not None or track.observation.coasted:
        return None
    if not _is_established(context, track):
        return None
    return _step(context, track, Signal.CLIPPED, corner=corner)


def lose(context: Context, track: TrackState, time_ms: int) -> TrackEvent | None:
    """Note that a track is no longer seen, as of a time (milliseconds since 1970)."""
    return _step(context, track, Signal.UNSEEN, time_ms)


def end(context: Context, track: TrackState, time_ms: int) -> TrackEvent | None:
    """Go on with an episode whose deadline has come, as of that.

    It ends, out for long enough or lost too long, or the places of what is lost are estimated anew.
    """
    episode = track.violation
    if episode is not None and episode.search_ms() is not None:
        search(context, track, episode)
        point = CrossingPoint(time_ms, track.observation.lat, track.observation.lon)
        return track_event(context, "searched", track, point)
    return _step(context, track, Signal.TIME_UP, time_ms)


def _is_established(context: Context, track: TrackState) -> bool:
    """Tell whether people may hear of a track: it had enough reports, or they have heard before.

    An emergency is said twice by itself.
    """
    if track.violation is not None or track.identification.emergency:
        return True
    return track.counted_reports >= context.policy.rules_of(track.source).least_reports


def _stands(episode: ViolationEpisode | None) -> bool:
    """Tell whether an episode goes on though the object is identified: a confirmed violation."""
    return episode is not None and episode.confidence == "confirmed" and episode.status != THREAT


def _signal(context: Context, track: TrackState) -> Signal | None:
    """Return what the last report says, or None where everything goes on as it is."""
    inside = context.airspace.is_protected_at(track.inside)
    likely = inside and track.belief.may_enter(context.parameters)
    episode = track.violation
    if episode is None or episode.status in (THREAT, EXITED):
        return _signal_outside(context, track, inside=inside, likely=likely)
    # What went out through a ceiling is over the nation's ground still.
    over = inside or bool(track.ground)
    if episode.status is VIOLATION:
        return _signal_inside(context, track, episode, inside=over)
    return _signal_lost(context, track, episode, inside=over, likely=likely)


def _signal_outside(
    context: Context, track: TrackState, *, inside: bool, likely: bool
) -> Signal | None:
    episode = track.violation
    if likely and track.crossed:
        return Signal.CROSSED_IN
    if likely and episode is None:
        return Signal.FOUND_INSIDE if _is_really_there(context, track) else None
    if episode is not None and episode.status is THREAT:
        # One that is inside, but not likely so, is at the border: in a moment it is in, or out.
        return Signal.RECEDING if not inside and threat.has_receded(context, track) else None
    if track.suppressed_by is None and threat.is_threat(context, track):
        return Signal.APPROACHING
    if episode is not None and not inside and _has_gone(context, track, episode):
        return Signal.GONE
    return None


def _has_gone(context: Context, track: TrackState, episode: ViolationEpisode) -> bool:
    """Tell whether what has left stays away: it cannot be back soon, or was outside for long."""
    hold, outside_ms = context.policy.hold, track.observation.time_ms - episode.since_ms
    if outside_ms < context.parameters.clear_after_ms:
        return False
    return outside_ms >= hold.away_s * SECOND_MS or not can_be_back(context, track, hold.exit_s)


def _signal_inside(
    context: Context, track: TrackState, episode: ViolationEpisode, *, inside: bool
) -> Signal | None:
    parameters, belief = context.parameters, track.belief
    if not inside and belief.is_out(parameters):
        return Signal.OUTSIDE
    possible = episode.confidence == "possible" and not is_private_still(track, episode)
    return Signal.CONFIRMED if possible and belief.is_in(parameters.confirmed_odds) else None


def _signal_lost(
    context: Context, track: TrackState, episode: ViolationEpisode, *, inside: bool, likely: bool
) -> Signal | None:
    if episode.seen_elsewhere and not inside:
        return None  # what jumped there need not be the object that was lost
    if episode.was_threat:
        if not likely:
            return Signal.APPROACHING
        if track.crossed:
            return Signal.CROSSED_IN
        return Signal.FOUND_INSIDE if _is_really_there(context, track) else None
    if inside:
        return Signal.SEEN_AGAIN
    return Signal.OUTSIDE if track.belief.is_out(context.parameters) else None


def _is_really_there(context: Context, track: TrackState) -> bool:
    """Tell whether what is first seen inside is no single plot; an emergency is said twice."""
    enough = track.belief.measured_count >= context.parameters.appear_reports
    return enough or track.identification.emergency


def _step(
    context: Context,
    track: TrackState,
    signal: Signal,
    time_ms: int | None = None,
    corner: ClippedCorner | None = None,
) -> TrackEvent | None:
    """Make the transition that a signal asks for; return its event, or None where it has none.

    ``time_ms`` is that of a timer's signal, ``corner`` belongs to ``CLIPPED``. Raises ``KeyError``
    where the signal cannot come up in the track's status.
    """
    episode = track.violation
    status, kind = TRANSITIONS[NONE if episode is None else episode.status, signal]
    if kind is None:
        return None
    point = _point_of(kind, track, time_ms)
    if status is not None and episode is None:
        episode = track.violation = open_episode(track, status, point.time_ms)
    elif status is not None and episode is not None:
        reach(episode, status, point.time_ms)
    apply_effects(context, track, kind, point, corner)
    more = {"identified_as": track.suppressed_by} if kind == "identified" else {}
    event = track_event(context, kind, track, point, **more)
    if status is None:
        track.violation = None
    return event


def _point_of(kind: TrackEventKind, track: TrackState, time_ms: int | None) -> CrossingPoint:
    """Return when and where an event happened: at the border, at a timer, or at the last report."""
    passage = track.entry if kind == "entered" else track.exit if kind == "exited" else None
    if passage is not None:
        return passage.point
    observation = track.observation
    return (
        observation.point
        if time_ms is None
        else CrossingPoint(time_ms, observation.lat, observation.lon)
    )


def _go_on(context: Context, track: TrackState) -> TrackEvent | None:
    """Tell what changed in an episode whose status stays, or from time to time where it is."""
    episode = track.violation
    if episode is None or episode.status is LOST:
        return None
    if episode.status is THREAT and context.airspace.is_protected_at(track.inside):
        return None  # at the border: in a moment it is in, or out again
    changes = () if episode.status is EXITED else changes_since(context, track, episode)
    point, now_ms = track.observation.point, track.observation.time_ms
    if changes:
        return track_event(context, "updated", track, point, changes=changes)
    if now_ms - episode.announced_ms >= episode.sighted_every_ms(now_ms, context.parameters):
        return track_event(context, "sighted", track, point)
    return None
