"""What ``skyfence webhooks`` and ``skyfence apprise`` share: check, dead letters."""

import click

from consumers.outbox.items import Entry
from consumers.outbox.outbox import Outbox
from consumers.outgoing.reloading import LoadedReceivers
from skyfence.adapters.clock import WallClock
from skyfence.adapters.files import member_places
from skyfence.adapters.settings import Settings
from skyfence.errors import InputError
from skyfence.times import format_time, from_ms


def show(receivers: LoadedReceivers, settings: Settings) -> None:
    """Say who hears of what; warn of patterns that no known place meets."""
    places = member_places(settings)
    click.echo(f"for {settings.environment}, outbox {receivers.outbox}")
    for target in receivers.receivers:
        wanted = target.options
        heard = sorted(filter(wanted.hears_of, places))
        some = ", ".join(heard[:5]) + (", …" if len(heard) > 5 else "")
        click.echo(f"{wanted.name}: {len(heard)} of {len(places)} places ({some})")
        click.echo(f"    events: {', '.join(wanted.events)}")
        for pattern in wanted.places:
            if not any(
                wanted.model_copy(update={"places": (pattern,)}).hears_of(p) for p in places
            ):
                click.echo(f"warning: {wanted.name}: no known place is {pattern!r}", err=True)


async def dead(receivers: LoadedReceivers, name: str | None, *, again: bool) -> None:
    """List what was given up, of one receiver or of all; put it again if asked to."""
    if name is not None and name not in (receiver.options.name for receiver in receivers.receivers):
        raise InputError(f"--receiver: nobody is called {name!r} in the file")
    async with Outbox.open_existing(receivers.outbox) as outbox:
        letters = await outbox.dead_letters()
        entries = [entry for entry in letters if name in (None, _name_of(entry))]
        for entry in entries:
            click.echo(_line(entry))
        if again:
            count = await outbox.requeue([entry.key for entry in entries], WallClock().now_ms())
            click.echo(f"{count} put again", err=True)


def _name_of(entry: Entry) -> str:
    return entry.recipient.rpartition(":")[2]


def _line(entry: Entry) -> str:
    _, _, alert_id = entry.key.rpartition("/")
    channel, _, _ = entry.chain.rpartition("/")
    when = format_time(from_ms(entry.added_ms))
    return f"{_name_of(entry)}  {when}  {channel}  {alert_id}  {entry.attempts}  {entry.reason}"
