"""The snapshot: everything that a tracker remembers, as bytes, and back.

For the checkpoint of the track agent. What can be made anew is left out (timers, the columns of the
coarse filter); areas are written with their zones' names, because their numbers mean nothing to
another set of zones. Of each report that still matters the whole row is kept, in columns.

    tracker ──▶ its sources' tracks, reports by number + the reports (Arrow) ──codec──▶ bytes

Does not store them (``streams``), and knows nothing of envelopes and older formats
(``skyfence.snapshots``).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from types import GenericAlias
from typing import Any, Final

import msgspec
import pyarrow as pa

from skyfence.airspace.airspace import Airspace
from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.frame import ARROW_SCHEMA, Frame, batch_of
from skyfence.snapshots import codec
from skyfence.snapshots.track_formats import from_1_to_2, from_2_to_3, read_format_1
from skyfence.steps import Steps, result_of
from skyfence.tracks.evidence import Belief
from skyfence.tracks.motion import ReferenceFixes
from skyfence.tracks.observation import Observation
from skyfence.tracks.pending_births import PendingBirth, PendingBirths
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.track_state import ForecastState, TrackState
from skyfence.tracks.tracker import Tracker

FORM: Final = codec.SnapshotForm("track agent", {1: from_1_to_2, 2: from_2_to_3}, read_format_1)
# Tracks that are written in one step, 25 us each.
_WRITTEN_AT_ONCE: Final = 100
# What reports and areas raise that are not what the tracks mean.
_UNREADABLE: Final = (pa.ArrowException, OSError, LookupError, OverflowError, ValueError)

# A track's names stand with its source; its entry among the timers follows from its deadline.
_OF_SOURCE: Final = ("run", "source", "due_ms")
# As in a new track, and written as nothing, where no report was near enough to be judged.
_WHERE_JUDGED: Final = ("belief", "reference_fixes", "forecast")
# A report is written as its row among its source's reports.
_TrackRow: Any = codec.packed_form(
    TrackState,
    without=_OF_SOURCE,
    instead={
        "observation": int,
        "pending_outlier": int | None,
        "belief": Belief | None,
        "reference_fixes": ReferenceFixes | None,
        "forecast": ForecastState | None,
    },
    array_like=True,
)
_FIELDS: Final = [field.name for field in fields(TrackState) if field.name not in _OF_SOURCE]
_values = attrgetter(*_FIELDS)
_OBSERVATION, _OUTLIER, _INSIDE = map(_FIELDS.index, ("observation", "pending_outlier", "inside"))
_JUDGED: Final = [_FIELDS.index(name) for name in _WHERE_JUDGED]
_Waiting = tuple[int, str, int, int]  # time, track, arrival, row
_Birth = tuple[str, list[int], dict[str, int], int]  # number, rows, candidates, due
# What follows from the tracks.
_MADE_ANEW: Final = ("timers", "renamed")
_SourceRows: Any = codec.packed_form(
    SourceTracks,
    without=_MADE_ANEW,
    instead={
        "tracks": GenericAlias(list, (_TrackRow,)),
        "waiting": list[_Waiting],
        "births": list[_Birth],
        "ahead": int | None,
    },
    more={"reports": bytes},  # an Arrow IPC stream
)
# ``areas`` names those that tracks are inside of, by their numbers.
_Snapshot: Any = msgspec.defstruct(
    "_Snapshot",
    [
        ("zones_version", str),
        ("areas", list[str]),
        ("sources", GenericAlias(list, (_SourceRows,))),
    ],
)
_SOURCE_FIELDS: Final = [f.name for f in fields(SourceTracks) if f.name not in _MADE_ANEW]


def take_snapshot(tracker: Tracker) -> bytes:
    """Return everything that a tracker remembers."""
    return result_of(taking_snapshot(tracker))


def taking_snapshot(tracker: Tracker) -> Steps[bytes]:
    """Do as ``take_snapshot``, in steps, between which the tracker judges nothing."""
    airspace = tracker.airspace
    exported = yield from tracker.exporting()
    sources = []
    for source in exported.values():
        sources.append((yield from _source(source)))
    yield
    return codec.encode(FORM, _Snapshot(airspace.version, _areas(airspace), sources))


def restore_snapshot(tracker: Tracker, data: bytes) -> None:
    """Give a tracker that remembers nothing what a snapshot holds.

    Judged by other zones than before, each track is where it was seen last, and its episode goes
    on. Raises ``InputError`` where the bytes are no snapshot, or one of a format that is not read;
    the tracker is not to be used then.
    """
    snapshot = codec.decode(FORM, data, _Snapshot)
    try:
        tracker.import_state(_restored_sources(snapshot, tracker.airspace))
    except _UNREADABLE as error:
        raise InputError(f"a snapshot that does not hold together: {error}") from None


def _restored_sources(snapshot: Any, airspace: Airspace) -> list[SourceTracks]:
    sources = [_restored(source) for source in snapshot.sources]
    if (snapshot.zones_version, snapshot.areas) != (airspace.version, _areas(airspace)):
        for source in sources:
            _move_to(airspace, source.tracks.values(), snapshot.areas)
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

    def packing(self) -> Steps[bytes]:
        """Return the reports, in order of their numbers, as an Arrow IPC stream."""
        batches, starts, length = [batch_of([])], {}, 0
        for frame, rows in self._rows.items():
            yield
            starts[frame] = length
            length += len(rows)
            batches.append(self._frames[frame].batch.take(rows))
        yield
        order = [starts[frame] + number for frame, number in self._places]
        yield
        return arrow_stream.encode(pa.concat_batches(batches).take(pa.array(order, pa.int64())))


def _source(source: SourceTracks) -> Steps[Any]:
    reports = _Reports()
    values = {name: getattr(source, name) for name in _SOURCE_FIELDS}
    tracks: list[bytes] = []
    for track in source.tracks.values():
        tracks.append(codec.encoded(_row(track, reports)))
        if len(tracks) % _WRITTEN_AT_ONCE == 0:
            yield
    values["tracks"] = codec.array_of(tracks)
    values["waiting"] = [
        (time_ms, track_id, arrival, reports.add(observation))
        for time_ms, track_id, arrival, observation in source.waiting
    ]
    values["births"] = [
        (birth.number, list(map(reports.add, birth.reports)), birth.candidates, birth.due_ms)
        for birth in source.births
    ]
    values["ahead"] = None if source.ahead is None else reports.add(source.ahead)
    return _SourceRows(**values, reports=(yield from reports.packing()))


def _row(track: TrackState, reports: _Reports) -> list[Any]:
    """Return a track's fields in their order, as ``_TrackRow`` has them."""
    row = list(_values(track))
    row[_OBSERVATION] = reports.add(track.observation)
    if track.pending_outlier is not None:
        row[_OUTLIER] = reports.add(track.pending_outlier)
    row[_INSIDE] = sorted(track.inside)
    if track.judged_ms is None:
        for index in _JUDGED:
            row[index] = None
    return row


def _restored(packed: Any) -> SourceTracks:
    table = pa.ipc.open_stream(packed.reports).read_all()
    table.validate(full=True)
    if table.schema != ARROW_SCHEMA:
        raise pa.ArrowInvalid("the reports have other columns")
    batch = pa.concat_batches([batch_of([]), *table.to_batches()])
    frame = Frame(packed.key, packed.run, packed.watermark_ms, last=False, batch=batch)
    places = zip(frame.times_ms.tolist(), frame.lats.tolist(), frame.lons.tolist(), strict=True)
    observations = [Observation(frame, row, *place) for row, place in enumerate(places)]
    values = {name: getattr(packed, name) for name in _SOURCE_FIELDS}
    tracks = [_track_of(frame, row, observations) for row in packed.tracks]
    values["tracks"] = {track.number: track for track in tracks}
    values["ahead"] = None if packed.ahead is None else observations[packed.ahead]
    values["births"] = PendingBirths(
        PendingBirth(number, [observations[row] for row in rows], candidates, due_ms)
        for number, rows, candidates, due_ms in packed.births
    )
    values["waiting"] = [
        (time_ms, track_id, arrival, observations[row])
        for time_ms, track_id, arrival, row in packed.waiting
    ]
    return SourceTracks(**values)


def _track_of(frame: Frame, row: Any, observations: Sequence[Observation]) -> TrackState:
    values = msgspec.structs.asdict(row)
    values["observation"] = observations[row.observation]
    if row.pending_outlier is not None:
        values["pending_outlier"] = observations[row.pending_outlier]
    if row.judged_ms is None:
        for name in _WHERE_JUDGED:
            del values[name]
    return TrackState(run=frame.run, source=frame.source, **values)


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
