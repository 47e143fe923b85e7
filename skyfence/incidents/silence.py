"""Silence: nothing more is told of a track, until it becomes a matter of its own.

    silenced by            ends with
    an operator's closing  an emergency, a category ``uav`` or ``missile``, entry into a nation, if
                           that was not known when the operator closed the incident
    being a flight's echo  an emergency, a category ``uav`` or ``missile``; parting from the flight
                           (``flights``)

An echo may fly on into other nations, as its flight does. Plain rules on tracks; ``manager`` opens
the incident.
"""

from collections.abc import Iterable, Sequence

from skyfence.incidents.incident import Incident, MemberTrack, SilenceBasis
from skyfence.policy.civil import NEVER_CIVIL


def basis_of(tracks: Sequence[MemberTrack], nations: Iterable[str] = ()) -> SilenceBasis:
    """Return what is known of an object by its tracks; ``nations`` are more that it concerned."""
    categories = {track.last.object.category for track in tracks}
    concerned = {*nations, *(nation for track in tracks for nation in track.last.nations)}
    return SilenceBasis(
        nations=tuple(sorted(concerned)),
        categories=tuple(sorted(categories & NEVER_CIVIL)),
        emergency=any(track.last.emergency for track in tracks),
    )


def nations_of(incident: Incident) -> set[str]:
    """Return the nations that an incident has concerned, the regions among them."""
    return {*incident.nations, *incident.nations_left, *incident.been_in}


def ends(before: MemberTrack, track: MemberTrack) -> bool:
    """Tell whether a silenced track's last event makes it a matter of its own.

    ``before`` is the track as it stood with the event before.
    """
    event = track.last
    if track.silenced == "flight":
        return speaks_against_flight(track)
    # Checkpoints of before have no basis.
    basis = track.silence_basis or basis_of([before])
    kind = {event.object.category} & NEVER_CIVIL
    entered = event.nations if track.state == "violation" else ()
    is_new = kind - {*basis.categories} or {*entered} - {*basis.nations}
    return bool(is_new) or (event.emergency and not basis.emergency)


def speaks_against_flight(track: MemberTrack) -> bool:
    """Tell whether a track is an alarm by its own source's word, and so nobody's echo."""
    return track.last.emergency or track.never_civil


def end(track: MemberTrack) -> MemberTrack:
    """Return a track of which is told again."""
    changes = {"silenced": None, "silence_basis": None, "flight": None, "flight_ms": 0}
    return track.model_copy(update=changes)
