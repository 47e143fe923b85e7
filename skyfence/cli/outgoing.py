"""What ``skyfence webhooks`` and ``skyfence apprise`` share: run, check, dead letters.

alerts ──▶ Relay (a group of its own) ──▶ OutboxSink ──▶ outbox ──▶ Courier ──▶ receivers
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import click

from consumers.outbox.items import Entry
from consumers.outbox.outbox import Outbox
from consumers.outgoing.courier import Dispatcher
from consumers.outgoing.reloading import Receivers, ReloadingSink
from consumers.outgoing.sink import OutboxSink
from consumers.relay import Relay
from skyfence.adapters import logs, metrics
from skyfence.adapters.clock import WallClock
from skyfence.adapters.embedded_kafka import pace_fetches
from skyfence.adapters.settings import PREFIX, Settings
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local.signals import until_told_to_stop
from skyfence.cli.places import member_places
from skyfence.errors import InputError, UsageError
from skyfence.naming import Environment
from skyfence.times import format_time, from_ms

Load = Callable[[Path, Environment], Awaitable[Receivers]]


def named_file(given: Path | None, settings: Settings, setting: str) -> Path:
    """Return the file of receivers, given or set; raise ``UsageError`` where neither is."""
    found: Path | None = given or getattr(settings, setting)
    if found is None:
        raise UsageError(f"{PREFIX}{setting.upper()}: is not set: who is to hear of alerts?")
    return found


async def run(settings: Settings, sink: str, path: Path, load: Load) -> None:
    """Carry one environment's alerts to the receivers of a file until told to stop."""

    async def load_again() -> Receivers:
        return await load(path, settings.environment)

    pace_fetches(settings)
    receivers, clock = await load_again(), WallClock()
    await ensure_topics(settings)
    logs.configure(sink, settings.environment)
    metrics.serve(settings, sink)
    async with Outbox.alone(receivers.outbox) as outbox:
        spread = Random()  # noqa: S311 - of pauses
        courier = Dispatcher(outbox, sink, settings.environment, clock, spread)
        serving = ReloadingSink(courier, load_again, receivers, clock)
        to_outbox = OutboxSink(outbox, courier, settings.environment, clock)
        relay = Relay(settings, to_outbox, group=settings.topics.sink_group(sink))
        await until_told_to_stop(run_until_first_exit(relay.run(), serving.run()))


def show(receivers: Receivers, settings: Settings) -> None:
    """Say who hears of what; warn of patterns that no known place meets."""
    places = member_places(settings)
    click.echo(f"for {settings.environment}, outbox {receivers.outbox}")
    for target in receivers.targets:
        wanted = target.wanted
        heard = sorted(filter(wanted.hears_of, places))
        some = ", ".join(heard[:5]) + (", …" if len(heard) > 5 else "")
        click.echo(f"{wanted.name}: {len(heard)} of {len(places)} places ({some})")
        click.echo(f"    events: {', '.join(wanted.events)}")
        for pattern in wanted.places:
            if not any(
                wanted.model_copy(update={"places": (pattern,)}).hears_of(p) for p in places
            ):
                click.echo(f"warning: {wanted.name}: no known place is {pattern!r}", err=True)


async def dead(receivers: Receivers, name: str | None, *, again: bool) -> None:
    """List what was given up, of one receiver or of all; put it again if asked to."""
    if name is not None and name not in (one.wanted.name for one in receivers.targets):
        raise InputError(f"--receiver: nobody is called {name!r} in the file")
    async with Outbox.existing(receivers.outbox) as outbox:
        found = [entry for entry in await outbox.failed() if name in (None, _name_of(entry))]
        for entry in found:
            click.echo(_line(entry))
        if again:
            count = await outbox.again([entry.key for entry in found], WallClock().now_ms())
            click.echo(f"{count} put again", err=True)


def _name_of(entry: Entry) -> str:
    return entry.recipient.rpartition(":")[2]


def _line(entry: Entry) -> str:
    _, _, alert_id = entry.key.rpartition("/")
    channel, _, _ = entry.chain.rpartition("/")
    when = format_time(from_ms(entry.put_ms))
    return f"{_name_of(entry)}  {when}  {channel}  {alert_id}  {entry.attempts}  {entry.reason}"
