"""``skyfence outbox``: the files in which SMS, webhooks and Apprise keep what they are to send."""

import asyncio
from pathlib import Path
from typing import Final

import click

from consumers.outbox.repair import Repair, repair
from consumers.outbox.salvage import LostItem, by_state
from skyfence.adapters.clock import WallClock

# Of what was lost; the rest is counted.
_MOST_SHOWN: Final = 20
_DIGITS_SHOWN: Final = 2


@click.group()
def outbox() -> None:
    """Mend the outboxes of SMS, webhooks and Apprise (docs/operations.md)."""


@outbox.command(name="repair")
@click.argument("file", type=click.Path(path_type=Path))
def repair_command(file: Path) -> None:
    """Put what can be read of a damaged outbox into a new file, and say what is lost.

    The damaged one is kept beside it. Nothing else may use FILE meanwhile.
    """
    repaired = asyncio.run(repair(file, WallClock().now_ms()))
    if repaired is None:
        click.echo(f"{file}: is whole, nothing was done")
        return
    _say(file, repaired)


def _say(file: Path, repaired: Repair) -> None:
    found, lost = repaired.found, repaired.found.lost
    click.echo(f"{file}: was damaged: {repaired.damage}")
    click.echo(f"the damaged file is kept as {repaired.kept_as}")
    click.echo(f"read: {_counts(by_state(found.items))}; receipts: {len(found.receipts)}")
    click.echo(f"lost: {_counts(by_state(lost))}")
    if not found.all_known:
        click.echo("more may be lost, of which nothing can be read any more")
    for item in repaired.never_sent[:_MOST_SHOWN]:
        click.echo(f"never sent: {_named(item)}")
    if (more := len(repaired.never_sent) - _MOST_SHOWN) > 0:
        click.echo(f"and {more} more that were never sent")
    if lost or not found.all_known:
        click.echo("whoever was told of danger by what is lost may not be told of its end")


def _counts(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    return f"{total} messages" + (f" ({states})" if states else "")


def _named(item: LostItem) -> str:
    """Return a lost item in words; of a phone's number the last digits alone."""
    recipient = item.recipient or "nobody knows to whom"
    if recipient.startswith("+"):
        recipient = "…" + recipient[-_DIGITS_SHOWN:]
    return f"number {item.number}, {recipient}, {item.state or 'state unknown'}"
