"""Recordings judged by the engine: what was told, to whom, and when.

    recording ──▶ reports (as they are, or changed) ──▶ frames ──▶ engine ──▶ ``ScenarioResult``

An engine takes seconds to make and keeps runs apart, so one serves all recordings that are judged
with the default zones; each recording is a run of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from scenarios.truth import Presence
from words import ENGLISH

from skyfence.adapters.files import load_policy, load_zones, read_recording
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.report import Report
from skyfence.engine import Engine
from skyfence.frames.packing import FRAME_REPORTS, Packer, play
from skyfence.naming import Environment
from skyfence.times import to_ms
from skyfence.zones.zone_file import ZoneSet

FOLDER: Final = Path(__file__).parent
RECORDINGS: Final = FOLDER / "recordings"
CASES: Final = FOLDER / "cases"

Message = Alert | PlaceAlert


@dataclass(frozen=True)
class ScenarioResult:
    """What the engine told of one recording, in the order in which it was told."""

    name: str
    reports: Sequence[Report]
    messages: Sequence[Message]
    zones: ZoneSet
    unreadable_lines: int = 0

    @cached_property
    def alerts(self) -> list[Alert]:
        """Return the incidents' messages."""
        return [message for message in self.messages if isinstance(message, Alert)]

    @cached_property
    def place_alerts(self) -> list[PlaceAlert]:
        """Return the places' messages."""
        return [message for message in self.messages if isinstance(message, PlaceAlert)]

    @cached_property
    def by_place(self) -> dict[str, list[PlaceAlert]]:
        """Return each place's messages."""
        places: dict[str, list[PlaceAlert]] = defaultdict(list)
        for message in self.place_alerts:
            places[message.place].append(message)
        return dict(places)

    @cached_property
    def presence(self) -> Presence:
        """Return where the recording's tracks were seen."""
        return Presence(self.reports, self.zones)


def known_ms(message: Message) -> int:
    """Return the event time at which a message's facts were known."""
    if isinstance(message, PlaceAlert):
        return to_ms(message.known)
    return max(to_ms(message.time), to_ms(message.last_seen))


def channel_of(message: Message) -> str:
    """Return a message's channel without the prefix of exercises."""
    return message.channel.removeprefix(Environment.EXERCISE.redis_prefix)


class Judge:
    """Judges recordings with the default zones and policy, each once, and remembers them."""

    def __init__(self) -> None:
        self.zones = load_zones()
        self._engine = engine_of(self.zones)
        self._judged: dict[str, ScenarioResult] = {}

    def result(self, path: Path, every: int = 1) -> ScenarioResult:
        """Return what the engine tells of a recording, or of every so many of its tracks."""
        name = path.name.removesuffix(".jsonl.gz")
        if name not in self._judged:
            reports, unreadable_lines = read(path)
            if every > 1:
                kept = set(sorted({report.track_id for report in reports})[::every])
                reports = [report for report in reports if report.track_id in kept]
            messages = messages_of(self._engine, reports, run=name)
            self._judged[name] = ScenarioResult(
                name, reports, messages, self.zones, unreadable_lines
            )
        return self._judged[name]

    def changed(self, name: str, reports: Sequence[Report], **packing: int) -> ScenarioResult:
        """Return what the engine tells of reports that a test has changed, once for each name."""
        if name not in self._judged:
            messages = messages_of(self._engine, reports, run=name, **packing)
            self._judged[name] = ScenarioResult(name, reports, messages, self.zones)
        return self._judged[name]


def engine_of(zones: ZoneSet) -> Engine:
    """Return an engine with the default policy and English texts."""
    return Engine(zones, ENGLISH.operators, policy=load_policy())


def read(path: Path) -> tuple[list[Report], int]:
    """Return the reports of a recording, and how many of its lines are none."""
    lines = list(read_recording(str(path)))
    reports = [line.report for line in lines if line.report is not None]
    return reports, len(lines) - len(reports)


def messages_of(
    engine: Engine, reports: Iterable[Report], run: str, frame_reports: int = FRAME_REPORTS
) -> list[Message]:
    """Return all messages that follow from reports, framed as ``skyfence scan`` frames them."""
    packer = Packer(run, frame_reports=frame_reports)
    return [
        message
        for item in play(reports)
        for frame in packer.add(item)
        for message in engine.process(frame).messages
    ]
