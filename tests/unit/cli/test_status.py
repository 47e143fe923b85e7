"""What `skyfence status` shows of places that nobody sees: never what looks like an all-clear."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, place_alert
from rich.console import Console

from skyfence.cli.status import _processes, _show, _show_places
from skyfence.contracts.alert import PlaceLevel, Timeline
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.monitoring.status import ProcessStatus, SystemStatus, UnseenPlaces
from skyfence.naming import Environment

SEEN = SystemStatus(environment=Environment.ACTUAL, as_of=T0)


def shown(unseen: tuple[UnseenPlaces, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is shown of a system without any alert."""
    _show(Console(width=200), SEEN.model_copy(update={"unseen": unseen}))
    return capsys.readouterr().out


def test_an_unseen_place_is_not_shown_as_without_alert(capsys: pytest.CaptureFixture[str]) -> None:
    """A place that is unseen is named, and "no alert yet" is said of the others alone."""
    assert "no alert yet\n" in shown((), capsys)
    places = UnseenPlaces(run="live", since=T0, places=("RO", "RO-TL"))
    text = shown((places,), capsys)
    assert "UNSEEN (live)" in text
    assert "no healthy source covers it: RO, RO-TL" in text
    assert "no alert yet\n" not in text


def test_a_process_that_is_late_is_red(capsys: pytest.CaptureFixture[str]) -> None:
    """Each has a line with its age; the monitor's is the status' own."""
    late = ProcessStatus(name="desk", done_to=T0 - timedelta(seconds=16))
    well = ProcessStatus(name="relay", done_to=T0 - timedelta(seconds=15))
    system = SEEN.model_copy(update={"processes": (late, well)})
    table = _processes(system)
    columns: Any = table.columns
    names, ages = ([*column.cells] for column in columns)
    shown = {name: (age.plain, age.style) for name, age in zip(names, ages, strict=True)}
    assert shown == {
        "worker": ("not known", "bold red"),
        "desk": ("16 s ago", "bold red"),
        "relay": ("15 s ago", "green"),
        "monitor": ("0 s ago", "green"),
    }


def test_everything_unseen_is_said_in_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no source watches at all, no list of hundreds of places hides it."""
    places = UnseenPlaces(run="live", since=T0, places=("RO",) * 400, everywhere=True)
    assert "covers it: every place\n" in shown((places,), capsys)


def state(level: PlaceLevel, place: str) -> OperatorsMessage:
    """Return the last message of a place."""
    alert = place_alert(level, place=place, objects=7)
    return OperatorsMessage(epoch="0a", sequence=1, alert=alert, timeline=Timeline())


def test_places_that_are_not_clear_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Each with run, level and number; what is clear is left out."""
    _show_places(Console(width=120), [state("shelter", "RO-TL"), state("clear", "RO-CT")])
    assert capsys.readouterr().out.splitlines() == [
        "RO-TL (live) shelter, 7 objects",
        "1 place not clear",
    ]


def test_states_that_cannot_be_read_are_not_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Who may not read them is told so, and not that all is clear."""
    _show_places(Console(width=120), "this redis user may not read the states of places")
    assert capsys.readouterr().out.startswith("the state of the places is not known: this redis")
