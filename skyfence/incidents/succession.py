"""Succession: who leads an incident when its lead's track ends, or is no longer of its object.

    another member sees it, or lost it   ──▶ leads; the incident goes on
    none does                            ──▶ the incident closes

Plain rules on tracks; ``chains`` tells of the new lead.
"""

from collections.abc import Iterable
from typing import Final

from skyfence.incidents.incident import EpisodeKey, Incident, MemberTrack, knowledge_rank
from skyfence.incidents.snapshot import Run

# Of those that do not lead: what is seen inside comes first, then what was lost, lest a track that
# is only on its way gives the all-clear for it.
_PRECEDENCE: Final = {"violation": 3, "lost": 2, "threat": 1, "exited": 0}


def successor(run: Run, incident: Incident, ended: MemberTrack) -> MemberTrack | None:
    """Return the member that leads an incident after its lead has ``ended``; None if it is over."""
    others = [
        run.tracks[key]
        for key in incident.member_keys
        if key != ended.key and key in run.tracks and run.tracks[key].state != "closed"
    ]
    return first_of(other for other in others if _holds(incident, other, ended))


def first_of(tracks: Iterable[MemberTrack]) -> MemberTrack | None:
    """Return the track of some that leads: the one that knows most of the object."""
    ranked = [
        (-_PRECEDENCE.get(track.state, 0), -knowledge_rank(track), track.key.order, track)
        for track in tracks
    ]
    return min(ranked, key=lambda entry: entry[:3])[3] if ranked else None


def seen_with(run: Run, incident: Incident, track: MemberTrack) -> list[EpisodeKey]:
    """Return the members of an incident that flew with one of them, itself among them.

    What was last seen before that one appeared did not, nor what only an operator's word joined.
    """
    return [
        key
        for key in incident.member_keys
        if key == track.key
        or (
            not incident.held
            and key in run.tracks
            and run.tracks[key].seen_until_ms >= track.seen_from_ms
        )
    ]


def _holds(incident: Incident, other: MemberTrack, ended: MemberTrack) -> bool:
    """Tell whether a member still sees an incident's object, or stands for it unseen.

    What was lost while another track still flew with it went where that one did.
    """
    if knowledge_rank(other) or incident.held:
        return True
    if other.state == "exited":
        return ended.last.kind != "identified"
    followed = ended.seen_from_ms <= other.seen_until_ms < ended.seen_until_ms
    return not followed
