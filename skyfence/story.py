"""A track's story with the alliance's protected airspace: entered, exited, lost, and how it ends.

    (none) --entered--> violation --exited--> exited --cleared--> (none)
                         |    ^   <-entered--    |
                        lost  reacquired        (exited stays exited when the track is lost)
                         v    |
                         lost --expired--> (none)

What appears inside without having crossed begins no story: it is a fact only.
"""

from collections.abc import Sequence

from skyfence.facts import Facts, Place
from skyfence.path import Transition
from skyfence.state import SourceState, Status, Story, TrackState
from skyfence.surroundings import nations_of, nearest_nation, nearest_region, regions_at


def follow(
    facts: Facts,
    source: SourceState,
    track: TrackState,
    was_inside: bool,
    met: Sequence[tuple[Transition, Place]],
) -> None:
    """Tell what a move along a known path means: ``met`` are its transitions of the airspace.

    A path that leaves and comes back between two reports has not left for anyone who watches.
    """
    inside = facts.airspace.protected in track.inside
    entries = [place for transition, place in met if transition.entered]
    exits = [place for transition, place in met if not transition.entered]
    lost = track.story is not None and track.story.status is Status.LOST
    if lost and inside:
        _back(facts, track)
        return
    if not was_inside and entries:
        _enter(facts, source, track, entries[0])
    if not inside and exits:
        _exit(facts, track, exits[-1])
    elif inside and was_inside:
        _move(facts, track)


def resume(facts: Facts, track: TrackState, *, same_object: bool) -> None:
    """Tell what it means that a track is seen again, its path unknown.

    What jumped faster than anything flies need not be the object that was lost: unless it is
    inside again, that one stays lost.
    """
    if facts.airspace.protected in track.inside:
        _back(facts, track)
    elif track.story is not None and track.story.status is Status.LOST and same_object:
        _exit(facts, track, _seen(track))


def lose(facts: Facts, track: TrackState, time_ms: int) -> None:
    """Tell that a track is no longer seen, if it was inside."""
    if track.story is not None and track.story.status is Status.VIOLATION:
        _reach(track.story, Status.LOST, time_ms)
        facts.event("lost", track, Place(time_ms, track.sight.lat, track.sight.lon))


def end(facts: Facts, track: TrackState, time_ms: int) -> None:
    """Tell that the story is over: out for long enough, or lost for too long."""
    story = track.story
    if story is None:
        return
    place = Place(time_ms, track.sight.lat, track.sight.lon)
    facts.event("cleared" if story.status is Status.EXITED else "expired", track, place)
    track.story = None


def _enter(facts: Facts, source: SourceState, track: TrackState, place: Place) -> None:
    if track.story is None:
        episode = source.opened.get(track.track_id, 0) + 1
        source.opened[track.track_id] = episode
        track.story = Story(episode)
    _reach(track.story, Status.VIOLATION, place.time_ms)
    _locate(facts, track, place)
    facts.event("entered", track, place)


def _exit(facts: Facts, track: TrackState, place: Place) -> None:
    if track.story is not None and track.story.status is not Status.EXITED:
        _reach(track.story, Status.EXITED, place.time_ms)
        facts.event("exited", track, place)


def _back(facts: Facts, track: TrackState) -> None:
    """Tell of an object that is inside again, having been lost or gone."""
    if track.story is not None:
        lost = track.story.status is Status.LOST
        _reach(track.story, Status.VIOLATION, track.sight.time_ms)
        _locate(facts, track, _seen(track))
        facts.event("reacquired" if lost else "entered", track, _seen(track))


def _move(facts: Facts, track: TrackState) -> None:
    story = track.story
    if story is None:
        return
    before = (story.nations, story.regions)
    _locate(facts, track, _seen(track))
    if (story.nations, story.regions) != before:
        facts.event("moved", track, _seen(track))


def _locate(facts: Facts, track: TrackState, border: Place) -> None:
    """Bring nations and regions up to date; where the files know none, the last known stay."""
    story, airspace = track.story, facts.airspace
    assert story is not None  # noqa: S101 - called with one only
    at = _seen(track) if airspace.protected in track.inside else border
    nations = nations_of(airspace, track.inside)
    nations = nations or nearest_nation(airspace, at.lon, at.lat, facts.rules) or story.nations
    regions = regions_at(airspace, at.lon, at.lat, nations, story.regions) or story.regions
    story.nations = nations
    story.regions = regions or nearest_region(airspace, at.lon, at.lat, nations, facts.rules)


def _reach(story: Story, status: Status, time_ms: int) -> None:
    story.status = status
    story.since_ms = time_ms


def _seen(track: TrackState) -> Place:
    return Place(track.sight.time_ms, track.sight.lat, track.sight.lon)
