"""``skyfence webhooks``: alerts to HTTP endpoints, signed."""

import asyncio
from pathlib import Path

import click

from consumers.outgoing.opening import receivers_file
from consumers.outgoing.reloading import LoadedReceivers
from consumers.webhooks.component import COMPONENT, WebhookOptions
from consumers.webhooks.endpoint import load
from consumers.webhooks.http_post import open_session
from skyfence.adapters.settings import Settings
from skyfence.adapters.settings import load as load_settings
from skyfence.cli import outgoing
from skyfence.cli.sink import run_sink


@click.group()
def webhooks() -> None:
    """Alerts to HTTP endpoints, as signed CloudEvents (docs/webhooks.md)."""


@webhooks.command()
def run() -> None:
    """Carry alerts from Kafka to the endpoints of SKYFENCE_WEBHOOKS_FILE until told to stop."""
    run_sink(COMPONENT, WebhookOptions(), load_settings())


@webhooks.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> None:
    """Say who hears of what by FILE, or what is wrong with it.

    Without FILE: the one that SKYFENCE_WEBHOOKS_FILE names.
    """
    settings = load_settings()
    outgoing.show(asyncio.run(_read(_file(file, settings))), settings)


@webhooks.command()
@click.option("--receiver", metavar="NAME", help="Of one endpoint only.")
@click.option("--replay", is_flag=True, help="Put all that is listed again, as if it came now.")
def dead(receiver: str | None, *, replay: bool) -> None:
    """List what no endpoint took within a day: when, channel, alert, attempts, reason."""
    path = _file(None, load_settings())
    asyncio.run(_dead(path, receiver, replay))


def _file(given: Path | None, settings: Settings) -> Path:
    return receivers_file(given, settings.webhooks_file, "WEBHOOKS_FILE")


async def _dead(path: Path, receiver: str | None, replay: bool) -> None:
    await outgoing.dead(await _read(path), receiver, again=replay)


async def _read(path: Path) -> LoadedReceivers:
    async with open_session() as session:
        return await load(path, load_settings().environment, session)
