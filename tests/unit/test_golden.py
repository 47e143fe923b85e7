"""The two incidents' expected alerts, whole, as they must be said: tests/golden.

A change that means to alter them writes them anew, and its reader sees in the difference who would
be warned otherwise:

    skyfence scan recordings/NAME.jsonl --run NAME > tests/golden/NAME.jsonl
"""

import json

import pytest
from repository import DOCS, GOLDEN
from words import ENGLISH

from skyfence.adapters.files import default_file, load_zones, read_recording
from skyfence.contracts.alert import Alert
from skyfence.engine import Engine
from skyfence.frames.packing import Packer, play

STORIES = DOCS / "stories.md"
NAMES = ("latvia-2024-09-07", "romania-2024-09-08")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_zones(), ENGLISH.operators)


def said(name: str, engine: Engine) -> list[str]:
    """Return the alerts of a recording as the lines that ``skyfence scan`` writes."""
    packer = Packer(name)
    lines = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    items = play(line.report for line in lines if line.report is not None)
    frames = (frame for item in items for frame in packer.add(item))
    return [alert.to_json().decode() for frame in frames for alert in engine.process(frame).alerts]


def golden(name: str) -> list[str]:
    return (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_the_alerts_are_what_they_were(name: str, engine: Engine) -> None:
    """Every alert of the incident is said as expected, to the last byte."""
    assert said(name, engine) == golden(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_story_in_the_docs_is_the_golden_file_s(name: str) -> None:
    """docs/stories.md lists every message: event time, place, type and step, headline."""
    text = STORIES.read_text(encoding="utf-8")
    for line in golden(name):
        alert = Alert.model_validate_json(line)
        assert row(alert) in text, row(alert)


def row(alert: Alert) -> str:
    """Return the line of the table in docs/stories.md that tells of an alert."""
    line = alert.headline.removeprefix("EXERCISE: ")
    known = f"{alert.last_seen:%H:%M:%S}"
    return f"| {known} | {alert.place} | {alert.message_type} {alert.step} | {line} |"


@pytest.mark.parametrize(
    ("name", "place", "minutes"),
    [
        ("latvia-2024-09-07", "LV-047", 4),
        ("latvia-2024-09-07", "LV-077", 15),
        ("romania-2024-09-08", "RO-TL", 4),
        ("romania-2024-09-08", "RO-CT", 29),
    ],
)
def test_each_region_is_warned_before_the_object_comes(name: str, place: str, minutes: int) -> None:
    """Both counties that the real event warned, and both municipalities, hear of it in advance."""
    alerts = [json.loads(line) for line in golden(name)]
    first = next(alert for alert in alerts if alert["place"] == place)
    assert (first["message_type"], first["step"]) == ("Alert", 1)
    assert first["minutes_left"] == minutes


def test_every_channel_that_was_warned_hears_the_end() -> None:
    """In Romania each place's last message is a Cancel."""
    alerts = [json.loads(line) for line in golden("romania-2024-09-08")]
    last = {alert["place"]: alert["message_type"] for alert in alerts}
    assert last == dict.fromkeys(["RO-TL", "RO-CT", "RO", "NATO"], "Cancel")
