"""``skyfence sms``: alerts to phones through one SMS gateway.

The work is done by ``sms_work``, which is loaded when a command is run: its libraries come with the
extra ``sms``, and the other commands need none of them.
"""

import asyncio
from pathlib import Path
from types import ModuleType

import click

from skyfence.adapters.settings import PREFIX, Settings, load
from skyfence.cli.sink import run_sink
from skyfence.errors import UsageError
from skyfence.naming import Environment

_FILE = click.argument("file", required=False, type=click.Path(path_type=Path))


@click.group()
def sms() -> None:
    """Alerts to phones through an SMS gateway (docs/sms.md).

    FILE describes the gateway; without it: the one that SKYFENCE_SMS_FILE names.
    """


@sms.command()
@_FILE
def run(file: Path | None) -> None:
    """Carry alerts from Kafka to phones until told to stop."""
    from consumers.sms.component import COMPONENT, SmsOptions  # noqa: PLC0415 - as for the others

    run_sink(COMPONENT, SmsOptions(file=file), load())


@sms.command()
@_FILE
def check(file: Path | None) -> int:
    """Say what FILE and its lists hold, or what is wrong."""
    settings = load()
    code: int = asyncio.run(_work().check(settings, _named(file, settings)))
    return code


@sms.command()
@_FILE
@click.option("--language", metavar="CODE", help="One language only, as ro.")
@click.option("--place", metavar="ID", help="For this place instead of the longest name.")
@click.option("--exercise", is_flag=True, help="As they are sent in an exercise.")
def preview(file: Path | None, language: str | None, place: str | None, *, exercise: bool) -> None:
    """Show every text and how many SMS it takes.

    Without FILE or SKYFENCE_SMS_FILE: the texts that come with skyfence.
    """
    settings = load()
    environment = Environment.EXERCISE if exercise else Environment.ACTUAL
    settings = settings.model_copy(update={"environment": environment})
    _work().preview(settings, file or settings.sms_file, language, place)


@sms.command()
@click.argument("number")
@_FILE
@click.option("--undo", is_flag=True, help="They want SMS again.")
def optout(number: str, file: Path | None, *, undo: bool) -> None:
    """Send NUMBER no SMS any more.

    A running gateway knows before its next message.
    """
    settings = load()
    asyncio.run(_work().opt_out(settings, _named(file, settings), number, undo=undo))


@sms.command()
@_FILE
def status(file: Path | None) -> None:
    """Count what became of the SMS of two weeks."""
    settings = load()
    asyncio.run(_work().status(_named(file, settings)))


def _named(given: Path | None, settings: Settings) -> Path:
    path = given or settings.sms_file
    if path is None:
        raise UsageError(f"{PREFIX}SMS_FILE: is not set, and no FILE is given: which gateway?")
    return path


def _work() -> ModuleType:
    try:
        from skyfence.cli import sms_work  # noqa: PLC0415 - its libraries are an extra
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is missing: pip install '.[sms]' in a checkout") from None
    return sms_work
