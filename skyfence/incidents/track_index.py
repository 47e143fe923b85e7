"""Tracks of a run by where they were seen last, so that those near one are found without all.

    key, position ──▶ put ──▶ cells of a tenth of a degree ──▶ near: keys within a reach

It follows from the tracks and is no part of the state: who keeps one makes it anew after a restart.
It holds keys alone, so that a track may change in everything but its place without a word here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import ceil, cos, radians
from typing import Final, Self

from skyfence.incidents.association import LEAST_LAT_M, is_near, most_reach_m
from skyfence.incidents.incident import EpisodeKey, MemberTrack

# 11 km from south to north: what unknown tracks are compared over fits into nine cells.
_CELL_DEG: Final = 0.1
_COLUMNS: Final = round(360 / _CELL_DEG)
# Nearer the poles a few kilometres are many degrees: all tracks are near there.
_MOST_LAT: Final = 80.0

_Cell = tuple[int, int]


class TrackIndex:
    """The keys of some tracks, by the cell of their last position, and which of them are lost."""

    def __init__(self) -> None:
        self._cell_of: dict[EpisodeKey, _Cell] = {}
        self._keys_in: dict[_Cell, dict[EpisodeKey, None]] = {}
        self._sources_in: dict[_Cell, Counter[str]] = {}  # how many keys each source has
        self._lost: dict[EpisodeKey, None] = {}
        self._fastest_mps = 0.0

    @classmethod
    def of(cls, tracks: Iterable[MemberTrack]) -> Self:
        """Return the index of some tracks."""
        index = cls()
        for track in tracks:
            index.put(track)
        return index

    def put(self, track: MemberTrack) -> None:
        """Take in where a track is now, and whether it is lost."""
        key = track.key
        if track.state == "lost":
            self._lost[key] = None
        else:
            self._lost.pop(key, None)
        if track.position is None:
            return
        self._fastest_mps = max(self._fastest_mps, track.position.speed_mps or 0.0)
        cell = _cell(track.position.seen.lat, track.position.seen.lon)
        if self._cell_of.get(key) != cell:
            self._leave_cell(key)
            self._cell_of[key] = cell
            self._keys_in.setdefault(cell, {})[key] = None
            self._sources_in.setdefault(cell, Counter())[key.source] += 1

    def remove(self, key: EpisodeKey) -> None:
        """Forget a track; one that is not there changes nothing."""
        self._lost.pop(key, None)
        self._leave_cell(key)

    def near(
        self, track: MemberTrack, tracks: Mapping[EpisodeKey, MemberTrack]
    ) -> Iterator[MemberTrack]:
        """Yield those of ``tracks`` that may be near one (``association.is_near``), and others."""
        keys = [key for cell in self._cells_near(track) for key in self._keys_in[cell]]
        yield from self._among(keys, tracks)

    def others_near(
        self, track: MemberTrack, tracks: Mapping[EpisodeKey, MemberTrack]
    ) -> list[MemberTrack]:
        """Return those of ``tracks`` that are near one, if any of them is another source's.

        A source's own tracks alone say nothing of what is one object, and a swarm has hundreds.
        """
        own = track.key.source
        # A crowd of one source's is known by its cells: one by one it takes time with its square.
        if all(
            len(self._sources_in[cell]) == 1 and own in self._sources_in[cell]
            for cell in self._cells_near(track)
        ):
            return []
        near = list(self.near(track, tracks))
        if all(other.key.source == track.key.source for other in near):
            return []
        return [other for other in near if is_near(track, other)]

    def lost(self, tracks: Mapping[EpisodeKey, MemberTrack]) -> list[MemberTrack]:
        """Return those of ``tracks`` that are lost."""
        return [track for track in self._among(list(self._lost), tracks) if track.state == "lost"]

    def _among(
        self, keys: Iterable[EpisodeKey], tracks: Mapping[EpisodeKey, MemberTrack]
    ) -> Iterator[MemberTrack]:
        for key in keys:
            track = tracks.get(key)
            if track is None:
                self.remove(key)  # it was forgotten meanwhile
            else:
                yield track

    def _cells_near(self, track: MemberTrack) -> Iterator[_Cell]:
        """Yield the cells with any key that what is near a track may be in."""
        if track.position is None:
            return
        lat, lon = track.position.seen.lat, track.position.seen.lon
        reach_deg = most_reach_m(track, self._fastest_mps) / LEAST_LAT_M
        rows, columns = ceil(reach_deg / _CELL_DEG), 0
        farthest_lat = abs(lat) + reach_deg
        if farthest_lat < _MOST_LAT:
            columns = ceil(reach_deg / cos(radians(farthest_lat)) / _CELL_DEG)
        cells = (2 * rows + 1) * (2 * columns + 1)
        if not columns or cells > len(self._keys_in) or 2 * columns >= _COLUMNS:
            yield from list(self._keys_in)
            return
        row, column = _cell(lat, lon)
        for other_row in range(row - rows, row + rows + 1):
            for step in range(-columns, columns + 1):
                cell = (other_row, (column + step) % _COLUMNS)
                if cell in self._keys_in:
                    yield cell

    def _leave_cell(self, key: EpisodeKey) -> None:
        cell = self._cell_of.pop(key, None)
        if cell is not None:
            keys, sources = self._keys_in[cell], self._sources_in[cell]
            del keys[key]
            sources[key.source] -= 1
            if not sources[key.source]:
                del sources[key.source]
            if not keys:
                del self._keys_in[cell], self._sources_in[cell]


def _cell(lat: float, lon: float) -> _Cell:
    return int(lat // _CELL_DEG), int(lon // _CELL_DEG) % _COLUMNS
