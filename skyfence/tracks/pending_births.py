"""Pending births: numbers that begin near tracks of which nobody knows yet whether they go on.

    number --held back--> every candidate was reported since, ended, or missed its scan --> decided

The reports of a pending birth are held back, so that people hear either of a new object or of the
old one that goes on, and never of both. Does not judge reports (``births``), nor what can be the
same object (``stitching``).
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.observation import Observation
from skyfence.tracks.track_state import TrackState


@dataclass(slots=True)
class PendingBirth:
    """A number that begins, its reports so far, and the tracks that it may be.

    ``candidates`` holds the mismatch in metres (``stitching``) by a track's present number.
    """

    number: str
    reports: list[Observation]
    candidates: dict[str, int]
    due_ms: int = -1  # when it is decided, milliseconds since 1970, UTC

    @property
    def first_ms(self) -> int:
        """Return when the number began, milliseconds since 1970, UTC."""
        return self.reports[0].time_ms


class PendingBirths:
    """The pending births of a source, by number, and in order of when each is decided."""

    def __init__(self, births: Iterable[PendingBirth] = ()) -> None:
        self._births: dict[str, PendingBirth] = {}
        self._wanted: dict[str, set[str]] = {}  # by candidate: the births that it may go on as
        self._timers: list[tuple[int, str]] = []  # a heap of (due, number)
        for birth in births:
            self.add(birth)

    def __len__(self) -> int:
        return len(self._births)

    def __iter__(self) -> Iterator[PendingBirth]:
        return iter(self._births.values())

    def get(self, number: str) -> PendingBirth | None:
        """Return the pending birth of a number, if there is one."""
        return self._births.get(number)

    @property
    def candidates(self) -> Iterable[str]:
        """Return the numbers of all tracks that may go on under another number."""
        return self._wanted.keys()

    def wants(self, number: str) -> bool:
        """Tell whether a track may go on under another number."""
        return number in self._wanted

    def earliest_ms(self) -> int | None:
        """Return when the first of the pending numbers began; None if there are none."""
        return min((birth.first_ms for birth in self), default=None)

    def add(self, birth: PendingBirth) -> None:
        """Take in a birth, to be decided at its ``due_ms``."""
        self._births[birth.number] = birth
        for candidate in birth.candidates:
            self._wanted.setdefault(candidate, set()).add(birth.number)
        heapq.heappush(self._timers, (birth.due_ms, birth.number))

    def remove(self, birth: PendingBirth) -> None:
        """Forget a birth: it is decided."""
        del self._births[birth.number]
        for candidate in birth.candidates:
            self._release(candidate, birth.number)

    def next_due_ms(self) -> int | None:
        """Return when the next birth is decided; None if there are none."""
        while self._timers:
            due_ms, number = self._timers[0]
            birth = self._births.get(number)
            if birth is not None and birth.due_ms == due_ms:
                return due_ms
            heapq.heappop(self._timers)
        return None

    def next_birth(self) -> PendingBirth:
        """Return the birth that is decided next. Precondition: ``next_due_ms`` is not None."""
        return self._births[self._timers[0][1]]

    def review(
        self,
        candidate: str,
        tracks: Mapping[str, TrackState],
        parameters: DetectionParameters,
        mismatch_m: Callable[[PendingBirth], int | None],
        now_ms: int,
    ) -> None:
        """Bring each birth that a track may go on as up to date: whether it may, when it is due.

        To be called when the track was reported or lost, or goes on under another number;
        ``mismatch_m`` returns None where it cannot be a birth any more. None is due before
        ``now_ms``, when that happened: other reports of the instant may still come.
        """
        for number in sorted(self._wanted.get(candidate, ())):
            birth = self._births[number]
            mismatch = mismatch_m(birth)
            if mismatch is None:
                del birth.candidates[candidate]
                self._release(candidate, number)
            else:
                birth.candidates[candidate] = mismatch
            birth.due_ms = max(now_ms, due_ms(birth, tracks, parameters))
            heapq.heappush(self._timers, (birth.due_ms, number))

    def best_match(self, birth: PendingBirth, is_settled: Callable[[str], bool]) -> str | None:
        """Return the track that a birth is: nearest first among all that compete, each taken once.

        Of its own candidates only those count of which it ``is_settled`` that they were dropped.
        """
        pairs = sorted(
            (mismatch_m, rival.number, candidate)
            for rival in self._competing(birth)
            for candidate, mismatch_m in rival.candidates.items()
            if rival is not birth or is_settled(candidate)
        )
        matched, taken = set[str](), set[str]()
        for _, number, candidate in pairs:
            if number in matched or candidate in taken:
                continue
            if number == birth.number:
                return candidate
            matched.add(number)
            taken.add(candidate)
        return None

    def _competing(self, birth: PendingBirth) -> list[PendingBirth]:
        """Return the births that compete with one for tracks, also through others, and itself."""
        seen, waiting = {birth.number}, [birth.number]
        while waiting:
            for candidate in self._births[waiting.pop()].candidates:
                others = self._wanted[candidate] - seen
                seen |= others
                waiting += others
        return [self._births[number] for number in seen]

    def _release(self, candidate: str, number: str) -> None:
        wanted = self._wanted[candidate]
        wanted.discard(number)
        if not wanted:
            del self._wanted[candidate]


def settled_ms(track: TrackState) -> int:
    """Return from when on it is known that a track was dropped, if it is not reported until then.

    At once where it ended by its source's word or is lost; else half a scan after its usual one.
    Precondition: its scan is known.
    """
    last_ms = track.observation.time_ms
    if not track.live or track.observation.ended:
        return last_ms
    return last_ms + 3 * (track.scan_ms or 0) // 2


def due_ms(
    birth: PendingBirth, tracks: Mapping[str, TrackState], parameters: DetectionParameters
) -> int:
    """Return when a birth is decided: all its candidates are settled, or one would be lost."""
    candidates = [tracks[number] for number in birth.candidates]
    settled = max(map(settled_ms, candidates), default=birth.first_ms)
    lost = min((t.lost_ms(parameters) for t in candidates if t.live), default=settled)
    return max(birth.first_ms, min(settled, lost))
