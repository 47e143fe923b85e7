"""The snapshot: everything that a tracker remembers, as bytes, and back.

For the checkpoint of the track agent. What can be made anew is left out (timers, the columns of
quiet tracks); areas are written with their zones' names, because their numbers mean nothing to
another set of zones. Of each report that still matters the whole row is kept.

    tracker ──▶ state of sources and tracks (MessagePack) + last reports (Arrow) ──▶ bytes

Does not store them (``streams``). Trusts what it reads no further than its types go: a snapshot is
data, never code.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import pyarrow as pa

from skyfence.airspace.airspace import Airspace
from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.frame import ARROW_SCHEMA, Frame, batch_of
from skyfence.tracks.evidence import Belief
from skyfence.tracks.motion import ReferenceFixes
from skyfence.tracks.observation import CrossingPoint, Fix, Observation
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.track_state import Depth, ForecastState, Passage, TrackState
from skyfence.tracks.tracker import Tracker
from skyfence.tracks.violation_episode import ViolationEpisode

# Counts up when a field of the state changes its meaning or its place.
FORMAT: Final = 2
# What reading bytes of another form raises: by their types, rows and areas that there are none of.
_UNREADABLE: Final = (
    msgspec.MsgspecError,
    pa.ArrowException,
    OSError,
    LookupError,
    OverflowError,
    ValueError,
)


class _Weighed(msgspec.Struct, array_like=True):
    """What was weighed and foreseen of a track that was near enough to be judged."""

    belief: Belief
    reference_fixes: ReferenceFixes
    forecast: ForecastState


class _Track(msgspec.Struct, array_like=True):
    """A track; ``observation`` and ``pending_outlier`` are rows of its source's reports."""

    track_id: str
    first_ms: int
    observation: int
    path_start: Fix
    inside: list[int]
    entered_at: dict[int, CrossingPoint]
    depths: dict[int, Depth]
    flown_m: float
    live: bool
    timers_run_ms: int
    crossing_count: int
    pending_outlier: int | None
    suppressed_by: str | None
    judged_ms: int | None
    crossed: bool
    entry: Passage | None
    exit: Passage | None
    weighed: _Weighed | None
    violation: ViolationEpisode | None


class _Source(msgspec.Struct, array_like=True):
    """A source in one run; ``waiting`` holds time, track, arrival and row of what is kept."""

    run: str
    key: str
    watermark_ms: int
    announced_watermark_ms: int
    arrivals: int
    tracks: list[_Track]
    waiting: list[tuple[int, str, int, int]]
    reports: bytes  # an Arrow IPC stream


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    zones_version: str
    areas: list[str]
    sources: list[_Source]


def take_snapshot(tracker: Tracker) -> bytes:
    """Return everything that a tracker remembers."""
    airspace = tracker.airspace
    sources = [_source(source) for source in tracker.export_state().values()]
    return msgspec.msgpack.encode(_Snapshot(FORMAT, airspace.version, _areas(airspace), sources))


def restore_snapshot(tracker: Tracker, data: bytes) -> None:
    """Give a tracker that remembers nothing what a snapshot holds.

    Judged by other zones than before, each track is where it was seen last, and its episode goes
    on. Raises ``InputError`` where the bytes are no snapshot, or one of another format; the
    tracker is not to be used then.
    """
    try:
        tracker.import_state(_sources(data, tracker.airspace))
    except _UNREADABLE as error:
        raise InputError(f"not a snapshot of format {FORMAT}: {error}") from None


def _sources(data: bytes, airspace: Airspace) -> list[SourceTracks]:
    found = msgspec.msgpack.decode(data, type=_Snapshot)
    if found.format != FORMAT:
        raise InputError(f"a snapshot of format {found.format}, not {FORMAT}")
    sources = [_restored(source) for source in found.sources]
    if (found.zones_version, found.areas) != (airspace.version, _areas(airspace)):
        for source in sources:
            _move_to(airspace, source.tracks.values(), found.areas)
    return sources


def _areas(airspace: Airspace) -> list[str]:
    """Return what the areas are called; the union of the protected zones is nameless."""
    return [zone.id for zone in airspace.zones] + [""] * (airspace.protected is not None)


class _Reports:
    """Collects the reports that are still needed, and says in which rows they will stand."""

    def __init__(self) -> None:
        self._rows: dict[int, list[int]] = defaultdict(list)
        self._frames: dict[int, Frame] = {}
        self._places: list[tuple[int, int]] = []

    def add(self, observation: Observation) -> int:
        """Take in a report; return its number."""
        frame = id(observation.frame)
        self._frames[frame] = observation.frame
        self._places.append((frame, len(self._rows[frame])))
        self._rows[frame].append(observation.row)
        return len(self._places) - 1

    def pack(self) -> bytes:
        """Return the reports, in order of their numbers, as an Arrow IPC stream."""
        batches, starts, length = [batch_of([])], {}, 0
        for frame, rows in self._rows.items():
            starts[frame] = length
            length += len(rows)
            batches.append(self._frames[frame].batch.take(rows))
        order = [starts[frame] + number for frame, number in self._places]
        return arrow_stream.encode(pa.concat_batches(batches).take(pa.array(order, pa.int64())))


def _source(source: SourceTracks) -> _Source:
    reports = _Reports()
    tracks = [_track(track, reports) for track in source.tracks.values()]
    waiting = [(at, name, number, reports.add(one)) for at, name, number, one in source.waiting]
    return _Source(
        source.run,
        source.key,
        source.watermark_ms,
        source.announced_watermark_ms,
        source.arrivals,
        tracks,
        waiting,
        reports.pack(),
    )


def _track(track: TrackState, reports: _Reports) -> _Track:
    weighed = None
    if track.judged_ms is not None:
        weighed = _Weighed(track.belief, track.reference_fixes, track.forecast)
    return _Track(
        track.track_id,
        track.first_ms,
        reports.add(track.observation),
        track.path_start,
        sorted(track.inside),
        track.entered_at,
        track.depths,
        track.flown_m,
        track.live,
        track.timers_run_ms,
        track.crossing_count,
        None if track.pending_outlier is None else reports.add(track.pending_outlier),
        track.suppressed_by,
        track.judged_ms,
        track.crossed,
        track.entry,
        track.exit,
        weighed,
        track.violation,
    )


def _restored(packed: _Source) -> SourceTracks:
    table = pa.ipc.open_stream(packed.reports).read_all()
    table.validate(full=True)
    if table.schema != ARROW_SCHEMA:
        raise pa.ArrowInvalid("the reports have other columns")
    batch = pa.concat_batches([batch_of([]), *table.to_batches()])
    frame = Frame(packed.key, packed.run, packed.watermark_ms, last=False, batch=batch)
    places = zip(frame.times_ms.tolist(), frame.lats.tolist(), frame.lons.tolist(), strict=True)
    observations = [Observation(frame, row, *place) for row, place in enumerate(places)]
    source = SourceTracks(
        packed.run, packed.key, packed.watermark_ms, packed.announced_watermark_ms
    )
    source.arrivals = packed.arrivals
    for one in packed.tracks:
        source.tracks[one.track_id] = _track_of(frame, one, observations)
    source.waiting = [
        (at, name, number, observations[row]) for at, name, number, row in packed.waiting
    ]
    return source


def _track_of(frame: Frame, packed: _Track, observations: Sequence[Observation]) -> TrackState:
    track = TrackState(
        frame.run,
        frame.source,
        packed.track_id,
        packed.first_ms,
        observations[packed.observation],
        packed.path_start,
        set(packed.inside),
        packed.entered_at,
        packed.depths,
        packed.flown_m,
        packed.live,
        packed.timers_run_ms,
    )
    track.crossing_count = packed.crossing_count
    track.pending_outlier = (
        None if packed.pending_outlier is None else observations[packed.pending_outlier]
    )
    track.suppressed_by, track.judged_ms = packed.suppressed_by, packed.judged_ms
    track.crossed, track.entry, track.exit = packed.crossed, packed.entry, packed.exit
    if packed.weighed is not None:
        weighed = packed.weighed
        track.belief, track.reference_fixes, track.forecast = (
            weighed.belief,
            weighed.reference_fixes,
            weighed.forecast,
        )
    track.violation = packed.violation
    return track


def _move_to(airspace: Airspace, tracks: Iterable[TrackState], before: Sequence[str]) -> None:
    """Put tracks among the areas of other zones than those that they were judged by."""
    numbers = {name: number for number, name in enumerate(_areas(airspace))}
    for track in tracks:
        observation = track.observation
        entered_at = {
            numbers.get(before[area], -1): place for area, place in track.entered_at.items()
        }
        covering = airspace.covering(observation.lon, observation.lat)
        height = (observation.altitude_m, observation.altitude_ref)
        track.inside = set(airspace.within_limits(covering, observation.time_ms, *height))
        track.entered_at = {
            area: entered_at.get(area, observation.point) for area in sorted(track.inside)
        }
        track.depths, track.forecast = {}, ForecastState()
