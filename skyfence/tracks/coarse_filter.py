"""The coarse filter: rows of a frame that need no judgement, told from the others all at once.

Most tracks, most of the time, meet no border, head for none that matters, and have no violation.
The few figures that prove it stand in columns, one slot a track; a row that passes is noted and
costs no more. Every other row is judged in full, so this changes how fast the answer comes, never
what it is: a test compares the two.

    row -> known, alive, in order, no jump -> its cells lie in the set it is in, or no border near
        -> civil as before, or too far from the protected border to matter  =>  skipped

Does not judge (``updater``) and knows no exception of its own: what is in doubt is judged.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.grid import BOUNDARY, Grid
from skyfence.airspace.own_zones import OwnZones
from skyfence.frames.frame import Frame
from skyfence.geometry.geodesy import SHORT_LAT_DEG, SHORT_LON_DEG
from skyfence.geometry.proper_intersections import Cuts
from skyfence.policy.civil import NEVER_CIVIL
from skyfence.policy.parameters import SECOND_MS, DetectionParameters
from skyfence.policy.permit import EMERGENCY_CODES, NO_ADDRESSES
from skyfence.policy.policy import CIVIL
from skyfence.policy.source_rules import SourceRules
from skyfence.tracks.flights import FlightSights
from skyfence.tracks.observation import STANDS_STILL_M, Observation
from skyfence.tracks.stitching import BOX_LAT_DEG, BOX_LON_DEG
from skyfence.tracks.track_state import TrackState

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

# Below this the columns cost more than they save.
FEWEST_ROWS: Final = 16
# A page takes 10 ms to make, and after a restart there are none: a frame of tracks all over Europe
# would wait a second. What lies on the others is looked at closer, or judged.
_PAGES_AT_ONCE: Final = 3
_JUDGE: Final = -1  # in place of a set: this track is judged with every report
# Longer than any degree of latitude or of longitude, metres (WGS 84).
_LAT_DEG_M: Final = 111_700.0
_LON_DEG_M: Final = 111_330.0
_FIRST_SLOTS: Final = 64
# A number that begins is compared with so many tracks at most, of 45 µs each: else whoever sends
# hundreds of new numbers a minute would take time with their square.
_MOST_CANDIDATES: Final = 100


@dataclass(frozen=True, slots=True)
class SiftResult:
    """Rows of a frame, in order: those to be judged, and flights to be published that are not.

    With each row to be judged comes what its segment from the last report cuts properly, or None
    where that was not asked.
    """

    judged: list[tuple[int, Cuts | None]]
    sighted: list[int]


class CoarseFilter:
    """The tracks of one source as columns, one slot a track, which it has as long as it lives.

    A row that was skipped stands in the columns only. ``restore_observation`` gives it to its
    track, and is to be called before anything reads the track's last report.
    """

    def __init__(
        self,
        grid: Grid,
        airspace: Airspace,
        parameters: DetectionParameters,
        look_ahead_s: float,
        rules: SourceRules,
        *,
        own_zones: OwnZones,
        flights: FlightSights,
    ) -> None:
        """Remember no track yet; ``rules`` are the policy's for the source."""
        self._own_zones = own_zones
        self._flights = flights
        self._zone_clearance = grid.clearance(own_zones.lower_bounds_m)
        self._rules = rules
        self._grid = grid
        self._airspace = airspace
        self._parameters = parameters
        self._look_ahead_s = look_ahead_s
        self._slots: dict[str, int] = {}
        self._judged: dict[str, TrackState] = {}  # since the last sift: their columns are old
        self._free: list[int] = []
        self._columns: dict[str, npt.NDArray[Any]] = {
            "time_ms": np.zeros(_FIRST_SLOTS, np.int64),
            "scan_ms": np.zeros(_FIRST_SLOTS, np.int64),  # 0: not known
            "gap_ms": np.zeros(_FIRST_SLOTS, np.int64),
            "lat": np.zeros(_FIRST_SLOTS),
            "lon": np.zeros(_FIRST_SLOTS),
            "x": np.zeros(_FIRST_SLOTS, np.int32),
            "y": np.zeros(_FIRST_SLOTS, np.int32),
            "set": np.full(_FIRST_SLOTS, _JUDGE, np.int32),
            "civil": np.zeros(_FIRST_SLOTS, bool),
            "flight_due_ms": np.zeros(_FIRST_SLOTS, np.int64),
            "number": np.empty(_FIRST_SLOTS, object),
            "row": np.full(_FIRST_SLOTS, -1, np.int32),  # of the frame; -1: the track has it
            "frame": np.empty(_FIRST_SLOTS, object),
        }

    def sift(self, frame: Frame, due: Iterable[str]) -> SiftResult:
        """Note the rows of a frame that need no judgement; return the others.

        Tracks that are ``due`` have a timer that may run out in this frame, or may
        go on under a number that began, and are judged; so are those that may go on under one that
        begins in this frame.
        """
        self.refresh_columns(self._judged.values())
        self._judged.clear()
        slots = self._slots_of(frame)
        busy = [self._slots[name] for name in due if name in self._slots]
        begins = slots < 0
        if begins.any():
            busy += self._near_beginnings(frame, begins)
        passing = self._passing(frame, slots, busy)
        rows = np.flatnonzero(passing)
        cells = self._grid.cells(frame.lons[rows], frame.lats[rows])
        skips, cuts = self._stays(frame, rows, slots[rows], cells)
        skips &= self._means_nothing(frame, rows, slots[rows], cells)
        skipped = rows[skips]
        self._note(frame, skipped, slots[skipped], (cells[0][skips], cells[1][skips]))
        judged = np.ones(len(frame), dtype=bool)
        judged[skipped] = False
        return SiftResult(
            judged=[(row, cuts.get(row)) for row in np.flatnonzero(judged).tolist()],
            sighted=self._sighted(frame, skipped, slots[skipped]),
        )

    def restore_observation(self, track: TrackState) -> None:
        """Give a track its last report, if that was skipped; it is no longer noted here then."""
        slot = self._slots.get(track.number)
        if slot is None or self._columns["row"][slot] < 0:
            return
        columns = self._columns
        track.observation = Observation.of(columns["frame"][slot], int(columns["row"][slot]))
        track.scan_ms, track.gap_ms = int(columns["scan_ms"][slot]), int(columns["gap_ms"][slot])
        track.flight_due_ms = int(columns["flight_due_ms"][slot])
        columns["row"][slot], columns["frame"][slot] = -1, None

    def mark_judged(self, track: TrackState) -> None:
        """Take in a track that was judged: its columns are brought up to date when next sifted."""
        self._judged[track.number] = track

    def refresh_columns(self, tracks: Collection[TrackState]) -> None:
        """Bring the columns of tracks up to date, and whether each must always be judged."""
        if not tracks:
            return
        rows = [self._figures(track) for track in tracks]
        figures: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
        x, y = self._grid.cells(np.array(figures["lon"]), np.array(figures["lat"]))
        slots = [self._slot_of(track.number) for track in tracks]
        for name, values in (figures | {"x": x, "y": y}).items():
            self._columns[name][slots] = values
        self._columns["row"][slots], self._columns["frame"][slots] = -1, None

    def _figures(self, track: TrackState) -> dict[str, Any]:
        observation = track.observation
        return {
            "time_ms": observation.time_ms,
            "scan_ms": track.scan_ms or 0,
            "gap_ms": track.gap_ms or 0,
            "lat": observation.lat,
            "lon": observation.lon,
            "set": self._set_of(track),
            "civil": track.suppressed_by == CIVIL,
            "flight_due_ms": track.flight_due_ms,
        }

    def drop(self, number: str) -> None:
        """Forget the track that is shown under a number."""
        self._judged.pop(number, None)
        slot = self._slots.pop(number, None)
        if slot is not None:
            self._columns["set"][slot], self._columns["frame"][slot] = _JUDGE, None
            self._columns["row"][slot], self._columns["scan_ms"][slot] = -1, 0
            self._free.append(slot)

    def tracks_near(self, lon: float, lat: float, time_ms: int) -> list[str]:
        """Return the numbers of tracks whose last report lies in the stitching box about a place.

        Only of those whose scan is known, for what was seen once goes on as nothing else, and which
        are not lost for too long at a time; in a crowd the nearest of them.
        """
        self.refresh_columns(self._judged.values())
        self._judged.clear()
        known = np.flatnonzero(self._columns["scan_ms"] > 0)
        near = known[self._in_box(known, lon, lat, 0.0, 0.0)]
        near = self._nearest(near[self._is_recent(near, time_ms)], lon, lat)
        return list(self._columns["number"][near])

    def _is_recent(self, slots: Rows, time_ms: int) -> Mask:
        """Mark the slots that were seen before a time and are not lost by then (``missed_ms``)."""
        parameters = self._parameters
        scans_ms = np.minimum(self._columns["scan_ms"][slots], parameters.longest_gap_ms)
        missed_ms = np.maximum(parameters.lost_after_ms, parameters.lost_after_scans * scans_ms)
        silent_ms = time_ms - self._columns["time_ms"][slots]
        recent: Mask = (silent_ms >= 0) & (silent_ms <= missed_ms)
        return recent

    def _nearest(self, slots: Rows, lon: float, lat: float) -> Rows:
        """Return the slots that are nearest to a place, as many as are compared."""
        if slots.size <= _MOST_CANDIDATES:
            return slots
        along = np.abs((self._columns["lon"][slots] - lon + 180.0) % 360.0 - 180.0)
        off = np.hypot(self._columns["lat"][slots] - lat, along * np.cos(np.radians(lat)))
        order = np.lexsort((self._columns["number"][slots].astype(str), off))
        nearest: Rows = slots[order[:_MOST_CANDIDATES]]
        return nearest

    def _in_box(
        self, slots: Rows, lon: float, lat: float, more_lon: float, more_lat: float
    ) -> Mask:
        """Mark the slots whose places lie in the stitching box about a place, or so much more."""
        along = np.abs((self._columns["lon"][slots] - lon + 180.0) % 360.0 - 180.0)
        near: Mask = np.abs(self._columns["lat"][slots] - lat) <= BOX_LAT_DEG + more_lat
        return near & (along <= BOX_LON_DEG + more_lon)

    def _near_beginnings(self, frame: Frame, begins: Mask) -> list[int]:
        """Return the slots of tracks that may go on under a number which begins in a frame.

        A row that is skipped moves its track by less than ``SHORT_LON_DEG`` and ``SHORT_LAT_DEG``.
        """
        known = np.flatnonzero(self._columns["scan_ms"] > 0)
        if known.size == 0:
            return []
        first = {frame.track_ids[row]: row for row in reversed(np.flatnonzero(begins).tolist())}
        near = np.zeros(known.size, dtype=bool)
        for row in first.values():
            place = (float(frame.lons[row]), float(frame.lats[row]))
            near |= self._in_box(known, *place, SHORT_LON_DEG, SHORT_LAT_DEG)
        return list(known[near].tolist())

    def _set_of(self, track: TrackState) -> int:
        """Return the number of the track's set of areas, or that it must always be judged."""
        civil = track.suppressed_by == CIVIL
        is_over = not track.live or track.observation.ended
        has_story = track.violation is not None or bool(track.visits)
        if is_over or has_story or track.pending_outlier is not None or track.strayed:
            return _JUDGE
        if track.identification.emergency or track.identification.last_emergency:
            return _JUDGE  # whether it goes on is told by two reports in a row
        if track.scan_ms is None or track.counted_reports < self._rules.least_reports:
            return _JUDGE  # each of its reports counts still
        if not civil and (track.suppressed_by or self._airspace.is_protected_at(track.inside)):
            return _JUDGE
        number = self._grid.set_id(track.inside)
        if not self._airspace.limits:
            return number
        covering = self._airspace.covering(track.observation.lon, track.observation.lat)
        limited = not covering.isdisjoint(self._airspace.limits)
        return _JUDGE if limited else number

    def _slots_of(self, frame: Frame) -> Rows:
        """Return the slot of each row's track, shape (rows,); -1 where it has none."""
        find = self._slots.get
        return np.array([find(name, -1) for name in frame.track_ids], dtype=np.intp)

    def _passing(self, frame: Frame, slots: Rows, busy: list[int]) -> Mask:
        """Mark rows of tracks that are known, once in the frame, in order and without a jump.

        Bounds are rough on the safe side: degrees count as longer than any is, so that a row which
        passes is no jump for ``updater`` either. Slots that are ``busy`` never pass.
        """
        times_ms, columns = self._columns["time_ms"], self._columns
        seen = np.bincount(slots + 1, minlength=len(times_ms) + 1)[1:]
        seen[busy] = 0
        passing: Mask = (slots >= 0) & (seen[slots] == 1) & (columns["set"][slots] != _JUDGE)
        passed_ms = frame.times_ms - times_ms[slots]
        passing &= (passed_ms > 0) & (passed_ms <= self._parameters.lost_after_ms)
        passing &= ~_is_in(frame.batch.column("phase"), _ENDED)
        passing &= ~_is_in(frame.batch.column("mode_3a"), _EMERGENCY_CODES)
        up, along = np.abs(frame.lats - columns["lat"][slots]), frame.lons - columns["lon"][slots]
        passing &= (up < SHORT_LAT_DEG) & (np.abs(along) < SHORT_LON_DEG)
        metres = _LAT_DEG_M * up + _LON_DEG_M * np.abs(along) * np.cos(np.radians(frame.lats))
        still = np.flatnonzero(passing & (metres == 0.0))
        if still.size:  # which flies, and stands still, repeats an old place
            flown_m = _filled(frame, "ground_speed_mps", 0.0)[still] * passed_ms[still] / SECOND_MS
            passing[still] = flown_m <= STANDS_STILL_M
        slowest = self._parameters.slowest_limit_mps
        passing &= metres <= slowest / SECOND_MS * passed_ms + self._parameters.scatter_m / 2
        return passing

    def _stays(
        self, frame: Frame, rows: Rows, slots: Rows, cells: Any
    ) -> tuple[Mask, dict[int, Cuts | None]]:
        """Mark rows whose segment meets no border and stays in the track's set of areas.

        Return that, shape of ``rows``, and by row what the segments near a border cut properly.
        ``cells`` are the x and y of each row's grid cell.
        """
        columns = self._columns
        sets = columns["set"][slots]
        before = (columns["x"][slots], columns["y"][slots])
        covers = self._grid.common_cover(before, cells, _PAGES_AT_ONCE)
        stays: Mask = covers == sets
        cuts: dict[int, Cuts | None] = {}
        doubt = np.flatnonzero(covers == BOUNDARY)
        if doubt.size:
            slots, rows = slots[doubt], rows[doubt]
            places = (columns["lon"][slots], columns["lat"][slots])
            ends = np.stack((*places, frame.lons[rows], frame.lats[rows]), axis=1)
            segments_cuts = self._airspace.proper_intersections(ends)
            cuts = dict(zip(rows.tolist(), segments_cuts, strict=True))
            stays[doubt] = [segment_cuts == () for segment_cuts in segments_cuts]
            # What a border does not cut off is still the same set, save where a limit may hold.
            stays[doubt] &= ~self._grid.have_limits(sets[doubt])
        return stays, cuts

    def _means_nothing(self, frame: Frame, rows: Rows, slots: Rows, cells: Any) -> Mask:
        """Mark rows of civil flights as before, and of others too far from the border to matter."""
        civil = self._columns["civil"][slots]
        same: Mask = civil == civil_rows(frame.batch)[rows]
        self._meets_own_zones(frame, rows, cells, same, civil)
        others = np.flatnonzero(same & ~civil)
        if others.size:
            places = (cells[0][others], cells[1][others])
            clear_m = self._grid.protected_border_bounds_m(*places, _PAGES_AT_ONCE)
            reach_m = self._reach_m(frame, rows[others], self._look_ahead_s)
            same[others] = clear_m > reach_m + _ROUNDING_M
        return same

    def _sighted(self, frame: Frame, rows: Rows, slots: Rows) -> list[int]:
        """Return the rows, of those skipped, that are published: ``FlightSights.sight`` for many.

        Notes when the next of each flight is.
        """
        times_ms, due_ms = frame.times_ms[rows], self._columns["flight_due_ms"]
        due = np.flatnonzero(self._columns["civil"][slots] & (times_ms >= due_ms[slots]))
        if due.size == 0:
            return []
        due = due[~_is_in(frame.batch.column("phase"), _COASTING)[rows[due]]]
        due_ms[slots[due]] = self._flights.next_due_ms(times_ms[due])
        due_rows = rows[due]
        near = self._flights.are_near(frame.lons[due_rows], frame.lats[due_rows])
        return list(due_rows[near].tolist())

    def _meets_own_zones(
        self, frame: Frame, rows: Rows, cells: Any, same: Mask, civil: Mask
    ) -> None:
        """Take from ``same`` the rows that may be near a zone that wants to hear of them."""
        zones = self._own_zones
        if not zones.areas:
            return
        wanted = np.flatnonzero(same & (~civil | zones.alert_identified))
        x, y = cells[0][wanted], cells[1][wanted]
        clear_m = self._grid.bounds_m(self._zone_clearance, x, y, _PAGES_AT_ONCE)
        reach_m = self._reach_m(frame, rows[wanted], zones.look_ahead_s)
        same[wanted] = clear_m > reach_m + _ROUNDING_M

    def _reach_m(self, frame: Frame, rows: Rows, look_ahead_s: float) -> Any:
        """Return for each row the distance within which a border means something to it, metres."""
        parameters = self._parameters
        speeds = _filled(frame, "ground_speed_mps", parameters.unknown_speed_mps)[rows]
        accuracies = _filled(frame, "accuracy_m", parameters.unknown_accuracy_m)[rows]
        reach_m = speeds * look_ahead_s + parameters.reach_accuracies * accuracies
        return reach_m + parameters.reach_margin_m

    def _note(self, frame: Frame, rows: Rows, slots: Rows, cells: Any) -> None:
        """Write rows that are skipped into their tracks' slots."""
        columns = self._columns
        if self._rules.scan_interval_s is None:
            self._learn_scans(slots, frame.times_ms[rows] - columns["time_ms"][slots])
        columns["time_ms"][slots] = frame.times_ms[rows]
        columns["lat"][slots], columns["lon"][slots] = frame.lats[rows], frame.lons[rows]
        columns["x"][slots], columns["y"][slots] = cells
        columns["row"][slots] = rows
        columns["frame"][slots] = frame

    def _learn_scans(self, slots: Rows, gaps_ms: npt.NDArray[np.int64]) -> None:
        """Learn how often tracks are reported: ``TrackState.learn_scan``, for many at once."""
        scans, last_ms = self._columns["scan_ms"], self._columns["gap_ms"][slots]
        lower, upper = np.minimum(gaps_ms, last_ms), np.maximum(gaps_ms, last_ms)
        scans[slots] = np.maximum(lower, np.minimum(upper, scans[slots]))
        self._columns["gap_ms"][slots] = gaps_ms

    def _slot_of(self, number: str) -> int:
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = self._new_slot()
            self._columns["number"][slot] = number
        return slot

    def _new_slot(self) -> int:
        if self._free:
            return self._free.pop()
        slot = len(self._slots)
        if slot >= len(self._columns["set"]):
            for name, column in self._columns.items():
                more = np.resize(column, 2 * len(column))
                more[len(column) :] = {"set": _JUDGE, "row": -1, "frame": None, "number": None}.get(
                    name, 0
                )
                self._columns[name] = more
        return slot


# The distance in the grid is a float32.
_ROUNDING_M: Final = 10.0


def civil_rows(batch: pa.RecordBatch) -> Mask:
    """Mark the rows that ``civil.not_civil`` has nothing against, in no emergency."""
    category, address = batch.column("category"), batch.column("icao_address")
    code = batch.column("mode_3a")
    addressed = _known(address) & ~_is_in(address, _NO_ADDRESSES)
    coded = _known(code) & ~_is_in(category, _UNKNOWN)
    civil: Mask = _known(batch.column("callsign")) & (addressed | coded)
    return civil & ~_is_in(category, _NEVER_CIVIL) & ~_is_in(code, _EMERGENCY_CODES)


def _options(values: Iterable[str]) -> pc.SetLookupOptions:
    return pc.SetLookupOptions(pa.array(sorted(values), pa.string()))


# Made once, and asked for below the friendly functions, which take three times as long.
_ENDED: Final = _options(["ended"])
_COASTING: Final = _options(["coasting"])
_UNKNOWN: Final = _options(["unknown"])
_NO_ADDRESSES: Final = _options(NO_ADDRESSES)
_NEVER_CIVIL: Final = _options(NEVER_CIVIL)
_EMERGENCY_CODES: Final = _options(EMERGENCY_CODES)
_IS_IN: Final = pc.get_function("is_in")


def _is_in(column: Any, options: pc.SetLookupOptions) -> Mask:
    """Mark the values that are among some; one that is not known never is."""
    return np.asarray(_IS_IN.call([column], options))


def _known(column: Any) -> Mask:
    if column.null_count == 0:
        return np.ones(len(column), dtype=bool)
    return np.asarray(column.is_valid())


def _filled(frame: Frame, column: str, value: float) -> npt.NDArray[np.float64]:
    return np.asarray(pc.fill_null(frame.batch.column(column), value))
