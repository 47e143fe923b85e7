"""Tracks by place: none that is near is missed, wherever it is and however fast it flies."""

from random import Random

import pytest
from builders import track_event

from skyfence.incidents.association import is_near
from skyfence.incidents.incident import EpisodeKey, MemberTrack, member_after
from skyfence.incidents.track_index import TrackIndex


def track(name: str, lat: float, lon: float, **known: object) -> MemberTrack:
    """Return a track that was seen at a place."""
    event = track_event("entered", 1, track_id=name, lat=lat, lon=lon, object=known)
    return member_after(None, event)


def by_key(*tracks: MemberTrack) -> dict[EpisodeKey, MemberTrack]:
    return {track.key: track for track in tracks}


@pytest.mark.parametrize(
    ("lat", "lon", "spread_deg"),
    [(56.0, 27.0, 0.5), (56.0, 179.9, 0.5), (0.0, 0.0, 0.5), (-45.0, -0.05, 0.5), (79.5, 10, 1.0)],
)
def test_no_near_track_is_missed(lat: float, lon: float, spread_deg: float) -> None:
    """What all pairs' comparison finds near is among what the index finds, for each track."""
    draw = Random(7)
    tracks = by_key()
    for number in range(150):
        place = lat + draw.uniform(-spread_deg, spread_deg), lon + draw.uniform(-1, 1) * spread_deg
        known: dict[str, object] = {"ground_speed_mps": draw.choice([None, 20.0, 250.0])}
        if draw.random() < 0.3:
            known["icao_address"] = "F00001"
        east = (place[1] + 180) % 360 - 180
        tracks |= by_key(track(f"T{number}", place[0], east, **known))
    index = TrackIndex.of(tracks.values())
    pairs = 0
    for each in tracks.values():
        near = {other.key for other in tracks.values() if is_near(each, other)}
        assert near <= {other.key for other in index.near(each, tracks)}
        pairs += len(near)
    assert pairs > len(tracks), "none was near another"


def test_far_tracks_are_not_looked_at() -> None:
    """Of a thousand tracks all over a country few are compared with one."""
    draw = Random(7)
    places = [(draw.uniform(48, 53), draw.uniform(7, 13)) for _ in range(1_000)]
    tracks = by_key(*(track(f"T{number}", *place) for number, place in enumerate(places)))
    index = TrackIndex.of(tracks.values())
    looked_at = [len(list(index.near(each, tracks))) for each in tracks.values()]
    assert max(looked_at) < 30


def test_a_track_is_found_where_it_is_now() -> None:
    """It has moved, and is lost, and is forgotten: each is known at once."""
    before, after = track("T1", 56.0, 27.0), track("T1", 57.0, 27.0)
    # Where there are few tracks, all are looked at.
    crowd = [track(f"T{number + 2}", 40.0, number / 10) for number in range(100)]
    index = TrackIndex.of([before, *crowd])
    index.put(after)
    tracks = by_key(after, *crowd)
    assert list(index.near(before, tracks)) == []
    assert list(index.near(after, tracks)) == [after]
    gone = after.model_copy(update={"state": "lost"})
    index.put(gone)
    assert index.lost(by_key(gone)) == [gone]
    index.put(after)
    assert index.lost(tracks) == []
    assert list(index.near(after, {})) == []  # whoever kept it has forgotten it
    assert list(index.near(after, tracks)) == []
