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
from skyfence.contracts.alert import PlaceAlert, parse_alert
from skyfence.engine import Engine
from skyfence.frames.packing import Packer, play

STORIES = DOCS / "stories.md"
NAMES = ("latvia-2024-09-07", "romania-2024-09-08")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_zones(), ENGLISH.operators)


def said(name: str, engine: Engine) -> list[str]:
    """Return the messages of a recording as the lines that ``skyfence scan`` writes."""
    packer = Packer(name)
    lines = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    items = play(line.report for line in lines if line.report is not None)
    frames = (frame for item in items for frame in packer.add(item))
    messages = (message for frame in frames for message in engine.process(frame).messages)
    return [message.to_json().decode() for message in messages]


def golden(name: str) -> list[str]:
    return (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_the_alerts_are_what_they_were(name: str, engine: Engine) -> None:
    """Every alert of the incident is said as expected, to the last byte."""
    assert said(name, engine) == golden(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_story_in_the_docs_is_the_golden_file_s(name: str) -> None:
    """docs/stories.md lists every message of a place: when, where, level, sound, headline."""
    text = STORIES.read_text(encoding="utf-8")
    states = place_alerts(name)
    assert states
    for alert in states:
        assert row(alert) in text, row(alert)


def place_alerts(name: str) -> list[PlaceAlert]:
    """Return the messages of places in a golden file."""
    alerts = map(parse_alert, (line.encode() for line in golden(name)))
    return [alert for alert in alerts if isinstance(alert, PlaceAlert)]


def row(alert: PlaceAlert) -> str:
    """Return the line of the table in docs/stories.md that tells of a place's message."""
    line = alert.headline.removeprefix("EXERCISE: ")
    known = f"{alert.known:%H:%M:%S}"
    return f"| {known} | {alert.place} | {alert.level} | {alert.notify} | {line} |"


@pytest.mark.parametrize(
    ("name", "place", "minutes"),
    [
        ("latvia-2024-09-07", "LV-047", 4),
        ("latvia-2024-09-07", "LV-077", 11),
        ("romania-2024-09-08", "RO-TL", 4),
    ],
)
def test_each_region_is_warned_before_the_object_comes(name: str, place: str, minutes: int) -> None:
    """The county and both municipalities that the object came over hear of it in advance."""
    first = next(alert for alert in place_alerts(name) if alert.place == place)
    assert (first.message_type, first.step, first.level) == ("Alert", 1, "prepare")
    assert first.minutes_left == minutes


def test_every_place_that_was_warned_hears_the_end() -> None:
    """In Romania each place's last message is its all-clear."""
    last = {alert.place: alert.level for alert in place_alerts("romania-2024-09-08")}
    assert last == dict.fromkeys(["RO-TL", "RO", "NATO"], "clear")


def test_nobody_hears_an_all_clear_for_what_is_lost() -> None:
    """In Latvia the drone is lost inside: where it was last, no place is cleared."""
    last = {alert.place: alert.level for alert in place_alerts("latvia-2024-09-07")}
    assert last["LV-077"] == last["LV"] == last["NATO"] == "shelter"


def test_only_places_sound() -> None:
    """Every message of an incident is quiet: it is evidence."""
    for name in NAMES:
        alerts = [json.loads(line) for line in golden(name)]
        assert {alert["notify"] for alert in alerts if "track_id" in alert} == {"quiet"}
