"""What a detector told of a scene, in words that fit both detectors, and who judges scenes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from skyfence.contracts.alert import Alert, PlaceAlert, PlaceKind, PlaceLevel
from skyfence.contracts.report import Report
from skyfence.engine import Engine
from skyfence.frames.packing import Packer, play
from skyfence.times import to_ms


@dataclass(frozen=True)
class PlaceMessage:
    """A place's state as people hear it: when, where, how grave, and whether it rings."""

    at_ms: int
    place: str
    place_kind: PlaceKind
    level: PlaceLevel
    minutes_left: int | None
    sounds: bool


@dataclass(frozen=True)
class Told:
    """What a detector told of one scene; ``counted`` is its last word on violations' number."""

    messages: tuple[PlaceMessage, ...]
    counted: int


# A scan's reports come together; a frame never waits for longer (the packer's heartbeat).
_FRAME_REPORTS: Final = 50


def told_by_engine(engine: Engine, reports: Sequence[Report], run: str) -> Told:
    """Judge a scene's reports as a run of its own."""
    packer = Packer(run, frame_reports=_FRAME_REPORTS)
    messages: list[PlaceMessage] = []
    violations: set[str] = set()
    counted = 0
    for item in play(reports):
        for frame in packer.add(item):
            for message in engine.process(frame).messages:
                if isinstance(message, PlaceAlert):
                    messages.append(_message(message))
                elif message.event == "repeated airspace violations":
                    counted = _count(message)
                elif message.incident_state == "violation" and message.certainty == "Observed":
                    violations.add(str(message.incident_id))
    return Told(tuple(messages), counted or min(len(violations), 1))


def _message(alert: PlaceAlert) -> PlaceMessage:
    return PlaceMessage(
        at_ms=to_ms(alert.known),
        place=alert.place,
        place_kind=alert.place_kind,
        level=alert.level,
        minutes_left=alert.minutes_left,
        sounds=alert.notify == "sound",
    )


def _count(alert: Alert) -> int:
    """Return the number that a message of repeated violations names."""
    words = alert.headline.split()
    return next((int(word) for word in words if word.isdigit()), 0)
