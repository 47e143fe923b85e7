"""``skyfence replay``: options that are refused before anything is published."""

import math
import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from skyfence.adapters.settings import PREFIX
from skyfence.cli.recording import checked_run
from skyfence.cli.replay import ACTUAL_WORDS, Speed, replay
from skyfence.errors import UnavailableError


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away every way to a running skyfence."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SKYFENCE_RUNTIME_FILE", str(tmp_path / "up.json"))


def invoke(*options: str) -> Result:
    return CliRunner().invoke(replay, ["tracks.jsonl", *options])


def got_past_the_options(result: Result) -> bool:
    """Tell whether the command went on to look for a running skyfence."""
    return isinstance(result.exception, UnavailableError)


@pytest.mark.parametrize(
    "words", ["", "yes", "true", "This is not an exercise", "this is not an exercise ", "actual"]
)
def test_actual_needs_the_exact_words(words: str) -> None:
    """Anything but the exact words refuses the replay; it never becomes an exercise instead."""
    result = invoke("--actual", words)
    assert result.exit_code == 2
    assert f'Invalid value for --actual: say "{ACTUAL_WORDS}"' in result.output


def test_the_exact_words_are_taken() -> None:
    """With the exact words, or without the option, the replay goes on."""
    assert ACTUAL_WORDS == "this is not an exercise"
    assert got_past_the_options(invoke("--actual", ACTUAL_WORDS))
    assert got_past_the_options(invoke())


@pytest.mark.parametrize(
    "value", ["0", "-1", "-0.0", "nan", "inf", "-inf", "1e999", "fast", "", "MAX"]
)
def test_bad_speeds_are_refused(value: str) -> None:
    """A speed that is no number above nought, nor max, is refused and shown."""
    result = invoke("--speed", value)
    assert result.exit_code == 2
    assert f"{value!r} is neither a number above 0 nor max" in result.output


@pytest.mark.parametrize(
    ("value", "speed"), [("1", 1.0), ("0.5", 0.5), ("1e3", 1000.0), ("max", math.inf)]
)
def test_good_speeds_are_taken(value: str, speed: float) -> None:
    """A number above nought is a factor; max is as fast as it goes."""
    assert Speed().convert(value, None, None) == speed
    assert got_past_the_options(invoke("--speed", value))


@pytest.mark.parametrize("run", ["", "a b", "a/b", "-a", "ä", "a\n", "x" * 65])
def test_bad_runs_are_refused(run: str) -> None:
    """A run that cannot be part of keys is refused, with what it may be."""
    result = invoke(f"--run={run}")
    assert result.exit_code == 2
    assert "Invalid value for --run: letters, digits, '.', '_' or '-', at most 64" in result.output


@pytest.mark.parametrize("run", ["a", "replay-2024.09_07", "x" * 64])
def test_good_runs_are_taken(run: str) -> None:
    """A proper name is taken as given."""
    assert checked_run(run) == run
    assert got_past_the_options(invoke("--run", run))


def test_an_error_is_click_s_own() -> None:
    """A bad run is a usage error wherever it is checked."""
    with pytest.raises(click.BadParameter):
        checked_run("a b")
