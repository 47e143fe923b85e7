"""The tracker: reports of a partition in, crossings and track events out.

A track's own chain depends on that track alone. Timers run out as of their own deadline, before
any report that is later, and a report that comes after that is late: so the same follows however
the reports were framed.

    frame --> its source's processor --> crossings and events in order --> details of the crossings

The state of every track lives here, by run and source. What a frame means to it is worked out in
``source_processor``, and for one track in ``updater``.
"""

from collections.abc import Iterable, Mapping

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.grid import Grid
from skyfence.frames.frame import Frame, source_of
from skyfence.naming import Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy
from skyfence.steps import Steps, result_of
from skyfence.tracks.coarse_filter import CoarseFilter
from skyfence.tracks.context import Context
from skyfence.tracks.crossing_details import fill_details
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.source_processor import SourceProcessor
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.updater import TrackUpdater

SourceKey = tuple[str, str]  # run, and source or source/shard


class Tracker:
    """Judges the frames of one partition, in order."""

    def __init__(
        self,
        airspace: Airspace,
        environment: Environment,
        policy: Policy | None = None,
        parameters: DetectionParameters | None = None,
        *,
        sift: bool = True,
    ) -> None:
        """Judge by zones, policy and parameters; without ``sift`` every row is judged in full."""
        self.airspace = airspace
        self.grid = Grid(airspace)
        self._context = Context(
            airspace=airspace,
            environment=environment,
            policy=policy or Policy(),
            parameters=parameters or DetectionParameters(),
        )
        self._updater = TrackUpdater(self._context)
        self._sift = sift
        self._processors: dict[SourceKey, SourceProcessor] = {}

    def export_state(self) -> Mapping[SourceKey, SourceTracks]:
        """Return the state of each (run, key), each track brought up to its last report.

        It is the tracker's own, not a copy: write it down before the next frame.
        """
        return result_of(self.exporting())

    def exporting(self) -> Steps[Mapping[SourceKey, SourceTracks]]:
        """Do as ``export_state``, in steps, between which no frame may come."""
        sources: dict[SourceKey, SourceTracks] = {}
        for key, processor in self._processors.items():
            sources[key] = yield from processor.exporting()
        return sources

    def import_state(self, sources: Iterable[SourceTracks]) -> None:
        """Go on from the state of a checkpoint; timers run out as they would have."""
        for source in sources:
            self._processors[source.run, source.key] = self._processor(source)

    def process(self, frame: Frame) -> FrameResult:
        """Judge one frame and return what happened in it."""
        result = FrameResult(reports=len(frame))
        result_of(self.steps(frame, result))
        return result

    def steps(self, frame: Frame, result: FrameResult) -> Steps[None]:
        """Judge one frame, and record in ``result`` what happened; yield now and then on the way.

        Whoever judges a long frame can do something else meanwhile, but nothing with this tracker.
        The last frame of a finite source runs its timers out and drops its state.
        """
        key = (frame.run, frame.key)
        if key not in self._processors:
            self._processors[key] = self._processor(SourceTracks(*key))
        yield from self._processors[key].steps(frame, result)
        if frame.last:
            del self._processors[key]
        fill_details(self._context, result.pending_crossings)

    def _processor(self, source: SourceTracks) -> SourceProcessor:
        coarse_filter = CoarseFilter(
            self.grid,
            self.airspace,
            self._context.parameters,
            self._updater.look_ahead_s,
            self._context.policy.rules_of(source_of(source.key)),
            own_zones=self._updater.own_zones,
            flights=self._updater.flights,
        )
        return SourceProcessor(self._context, self._updater, source, coarse_filter, sift=self._sift)
