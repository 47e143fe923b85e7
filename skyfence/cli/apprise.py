"""``skyfence apprise``: alerts as messages over whatever Apprise knows."""

import asyncio
from pathlib import Path

import click

from consumers.outgoing.apprise import load
from consumers.outgoing.apprise_component import COMPONENT, AppriseOptions
from consumers.outgoing.opening import receivers_file
from skyfence.adapters.settings import Settings
from skyfence.adapters.settings import load as load_settings
from skyfence.cli import outgoing
from skyfence.cli.sink import run_sink


@click.group()
def apprise() -> None:
    """Alerts by email, Signal, Matrix, ntfy and the like (docs/webhooks.md#apprise)."""


@apprise.command()
def run() -> None:
    """Carry alerts from Kafka to the targets of SKYFENCE_APPRISE_FILE until told to stop."""
    run_sink(COMPONENT, AppriseOptions(), load_settings())


@apprise.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Say who hears of what by FILE, or what is wrong with it.

    Without FILE: the one that SKYFENCE_APPRISE_FILE names.
    """
    settings = load_settings()
    path = _file(file, settings)
    outgoing.show(asyncio.run(load(path, settings.environment)), settings)


@apprise.command()
@click.option("--receiver", metavar="NAME", help="Of one target only.")
@click.option("--replay", is_flag=True, help="Put all that is listed again, as if it came now.")
def dead(receiver: str | None, *, replay: bool) -> None:
    """List what no target took within a day: when, channel, alert, attempts, reason."""
    settings = load_settings()
    path = _file(None, settings)
    asyncio.run(_dead(path, receiver, replay))


def _file(given: Path | None, settings: Settings) -> Path:
    return receivers_file(given, settings.apprise_file, "APPRISE_FILE")


async def _dead(path: Path, receiver: str | None, replay: bool) -> None:
    receivers = await load(path, load_settings().environment)
    await outgoing.dead(receivers, receiver, again=replay)
