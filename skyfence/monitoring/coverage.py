"""Coverage: which places no healthy source covers, in each run, and who has been told.

    healthy sources ──▶ what each covers (``watches`` in the policy) ──▶ places that are unseen
                                                                            │
      Redis hash ``status`` ◀── what is known now ◀─────────────────────────┤
      track.events ◀─────────── what has changed since it was told ◀────────┘

Who covers a nation covers its regions. A nation is seen in part, and so not unseen, while anything
covers one of its regions; so is the alliance while anything covers a place. Does not find out which
sources are healthy (``sources``), and sends nothing.
"""

from collections.abc import Collection, Iterable, Mapping

from skyfence.contracts.alert import PlaceKind
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.contracts.track_event import Coverage
from skyfence.naming import ALLIANCE, ZoneName
from skyfence.times import from_ms, to_ms

# What the healthy sources of a run cover, an element for each: places, or None for all.
Covered = Iterable[Collection[str] | None]


class RunCoverage(Contract):
    """The places that are ``unseen`` in a run ``since`` a time (wall clock), and those ``told``.

    Nothing is unseen until somebody says so: without a monitor, nobody does.
    """

    run: RunName
    since: UtcTime
    unseen: tuple[ZoneName, ...] = ()
    told: tuple[ZoneName, ...] = ()


def unseen_places(
    kinds: Mapping[str, PlaceKind], nations: Mapping[str, str], covered: Covered
) -> tuple[str, ...]:
    """Return the places of ``kinds`` that nothing covers, sorted.

    ``nations`` gives the nation of each place that lies in one.
    """
    places: set[str] = set()
    for of_source in covered:
        if of_source is None or ALLIANCE in of_source:
            return ()
        places.update(of_source)
    above = {nations[place] for place in places if place in nations}
    seen = places | above | ({ALLIANCE} if places else set())
    return tuple(
        sorted(place for place in kinds if place not in seen and nations.get(place) not in places)
    )


class CoverageMonitor:
    """The coverage of all runs of one environment; ``known`` is what an earlier monitor left."""

    def __init__(
        self,
        kinds: Mapping[str, PlaceKind],
        nations: Mapping[str, str],
        known: Iterable[RunCoverage] = (),
    ) -> None:
        self._kinds = kinds
        self._nations = nations
        self._runs = {of_run.run: of_run for of_run in known}

    @property
    def all(self) -> tuple[RunCoverage, ...]:
        """Return the coverage of all runs."""
        return tuple(sorted(self._runs.values(), key=lambda of_run: of_run.run))

    @property
    def place_count(self) -> int:
        """Return how many places there are, seen or not."""
        return len(self._kinds)

    def judge(self, now_ms: int, covered: Mapping[str, Covered]) -> None:
        """Find out what is unseen at ``now_ms`` in each run that goes on; forget all others."""
        self._runs = {
            run: self._judged(run, now_ms, of_sources) for run, of_sources in covered.items()
        }

    def _judged(self, run: str, now_ms: int, covered: Covered) -> RunCoverage:
        unseen = unseen_places(self._kinds, self._nations, covered)
        before = self._runs.get(run)
        if before is None:
            return RunCoverage(run=run, since=from_ms(now_ms), unseen=unseen)
        if before.unseen == unseen:
            return before
        # The newest is right: a clock that was set back must not make a change the older one.
        since_ms = max(now_ms, to_ms(before.since) + 1)
        return before.model_copy(update={"since": from_ms(since_ms), "unseen": unseen})

    def pending(self) -> list[Coverage]:
        """Return what is not noted as sent: the same again after a crash."""
        return [
            Coverage(run=of_run.run, time=of_run.since, unseen=of_run.unseen)
            for of_run in self.all
            if of_run.unseen != of_run.told
        ]

    def note_sent(self) -> None:
        """Note that all that was pending is stored in Kafka."""
        for run, of_run in self._runs.items():
            self._runs[run] = of_run.model_copy(update={"told": of_run.unseen})
