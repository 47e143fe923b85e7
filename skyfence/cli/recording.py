"""Recordings on the command line: their reports, the lines that are none, the run's name."""

from collections.abc import Iterator

import click
from pydantic import TypeAdapter, ValidationError

from skyfence.adapters.files import Line, read_recording
from skyfence.contracts.base import RunName
from skyfence.contracts.report import Report

_BAD_LINES_NAMED = 20  # more are only counted: a wrong file would fill the screen


class Recording:
    """A recording that is read once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read = 0
        self.bad_lines = 0
        self.fields_left_out = 0

    def reports(self) -> Iterator[Report]:
        """Yield the reports; say on standard error what could not be read, and why."""
        for line in read_recording(self.name):
            if line.report is not None:
                self.read += 1
                self._name_left_out(line)
                yield line.report
                continue
            self.bad_lines += 1
            if self.bad_lines <= _BAD_LINES_NAMED:
                click.echo(f"{self.name}: line {line.number}: {line.reason}", err=True)

    def _name_left_out(self, line: Line) -> None:
        for field in line.left_out:
            self.fields_left_out += 1
            if self.fields_left_out <= _BAD_LINES_NAMED:
                click.echo(f"{self.name}: line {line.number}: left out {field}", err=True)


def checked_run(given: str) -> str:
    """Return a run's name as given, if it may be one."""
    try:
        return TypeAdapter(RunName).validate_python(given)
    except ValidationError:
        raise click.BadParameter(
            "letters, digits, '.', '_' or '-', at most 64", param_hint="--run"
        ) from None


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 report", "2 reports"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
