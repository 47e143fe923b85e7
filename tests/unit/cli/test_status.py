"""What `skyfence status` shows of places that nobody sees: never what looks like an all-clear."""

import pytest
from builders import T0
from rich.console import Console

from skyfence.cli.status import _show
from skyfence.monitoring.status import SystemStatus, UnseenPlaces
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


def test_everything_unseen_is_said_in_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no source watches at all, no list of hundreds of places hides it."""
    places = UnseenPlaces(run="live", since=T0, places=("RO",) * 400, everywhere=True)
    assert "covers it: every place\n" in shown((places,), capsys)
