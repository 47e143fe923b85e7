"""What `skyfence close`, `dismiss`, `join` and `separate` command, and what they refuse."""

from typing import Any

import click
import pytest
from builders import T0
from click.testing import CliRunner

from skyfence.cli import operator_commands
from skyfence.cli.local import runtime_file
from skyfence.contracts.operator_command import (
    STANDARD_REASONS,
    Close,
    CommandOutcome,
    Dismiss,
    Join,
    OperatorCommand,
    Separate,
)
from skyfence.errors import UsageError
from skyfence.identity import derive

FIRST, SECOND = derive("incident", 1), derive("incident", 2)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[OperatorCommand]:
    """Return the list that takes what is commanded, in place of the desk."""
    commands: list[OperatorCommand] = []

    async def send(_settings: Any, name: str, command: OperatorCommand) -> CommandOutcome:
        assert name == "anna"
        commands.append(command)
        return CommandOutcome(command_id="1-0", outcome="done", what="so it is", time=T0)

    monkeypatch.setattr(operator_commands, "_send", send)
    monkeypatch.setattr(runtime_file, "reach", _Settings)
    return commands


class _Settings:
    """Settings that lead nowhere."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment


def run(command: click.Command, *words: object) -> tuple[int, str, BaseException | None]:
    """Run a command as anna; return its exit code, what it said, and what it raised."""
    result = CliRunner().invoke(command, [*map(str, words), "--operator", "anna"])
    return result.exit_code, result.output, result.exception


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        (
            operator_commands.close,
            (FIRST, "--reason", "found"),
            Close(incident_id=FIRST, reason="found"),
        ),
        (
            operator_commands.dismiss,
            (FIRST, "--reason", "a flock of storks"),
            Dismiss(incident_id=FIRST, reason="a flock of storks"),
        ),
        (
            operator_commands.join,
            (FIRST, SECOND, "--reason", "one echo"),
            Join(incident_id=FIRST, other_id=SECOND, reason="one echo"),
        ),
        (
            operator_commands.separate,
            (FIRST, "--track", "coast/7/8 b", "--reason", "two lights"),
            Separate(incident_id=FIRST, source="coast", track_id="7/8 b", reason="two lights"),
        ),
    ],
)
def test_what_is_typed_is_commanded(
    given: list[OperatorCommand],
    command: click.Command,
    words: tuple[object, ...],
    expected: OperatorCommand,
) -> None:
    """Each command line becomes one command, and the desk's answer is shown."""
    assert run(command, *words) == (0, "so it is\n", None)
    assert given == [expected]


@pytest.mark.parametrize(
    ("command", "words", "why"),
    [
        (
            operator_commands.separate,
            (FIRST, "--track", "7", "--reason", "x"),
            "--track '7': not SOURCE/TRACK",
        ),
        (
            operator_commands.join,
            (FIRST, FIRST, "--reason", "x"),
            f"an incident cannot be joined with itself: {FIRST}",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_desk(
    given: list[OperatorCommand], command: click.Command, words: tuple[object, ...], why: str
) -> None:
    """A track without its source, and an incident joined with itself, are usage errors."""
    _, _, error = run(command, *words)
    assert isinstance(error, UsageError)
    assert why in str(error)
    assert given == []


def test_standard_reasons_are_offered() -> None:
    """The help names them, and a shell completes what was begun."""
    said = CliRunner().invoke(operator_commands.dismiss, ["--help"]).output
    assert all(reason in " ".join(said.split()) for reason in STANDARD_REASONS)
    offered = operator_commands._complete_reason(
        click.Context(operator_commands.close), click.Option(["--reason"]), "f"
    )
    assert [item.value for item in offered] == ["false track", "found"]
