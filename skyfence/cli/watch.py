"""``skyfence watch``: alerts of regions, nations or the alliance as they arrive.

What stands is shown first, then what comes. That the connection is lost, or that nobody would
publish, is said at once and in other words than "no alert".
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console

from skyfence.adapters.settings import Settings
from skyfence.cli import view
from skyfence.cli.local import runtime_file, signals
from skyfence.cli.places import channels_of
from skyfence.cli.zone_options import add_zones_option
from skyfence.client.feed import (
    AlertFeed,
    Alive,
    Connected,
    Disconnected,
    FeedEvent,
    Missed,
    Received,
    Silent,
)
from skyfence.naming import Channel, Environment


@click.command()
@add_zones_option
@click.argument("places", nargs=-1, required=True)
@click.option("--exercise", is_flag=True, help="Exercises instead of actual alerts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def watch(places: tuple[str, ...], exercise: bool, as_json: bool) -> None:
    """Show the alerts of PLACES: regions (RO-TL), nations (RO), NATO, or `all`."""
    environment = Environment.EXERCISE if exercise else Environment.ACTUAL
    settings = runtime_file.reach(environment)
    channels = channels_of(settings, places)
    shows = _AsJson() if as_json else _OnScreen(environment, places)
    signals.run(_watch(settings, channels, shows))


async def _watch(
    settings: Settings, channels: Sequence[Channel], shows: "_AsJson | _OnScreen"
) -> None:
    # Asked each time: a skyfence that was started anew listens elsewhere.
    async with AlertFeed(
        settings, channels, reach=lambda: runtime_file.reach(settings.environment)
    ) as feed:
        shows.begin()
        async for event in feed:
            shows.show(event)


class _AsJson:
    """Messages as they are on Redis, and the state of the connection between them."""

    def begin(self) -> None:
        """Show nothing: the first line is an event's."""

    def show(self, event: FeedEvent) -> None:
        """Write one line."""
        if isinstance(event, Received):
            click.echo(event.message.to_json())
            return
        told: dict[str, object] = {"connection": type(event).__name__.lower()}
        if isinstance(event, Disconnected):
            told["reason"] = event.reason
        elif isinstance(event, Missed):
            told |= {"channel": event.channel.name, "first": event.first, "last": event.last}
        click.echo(json.dumps(told))


def _now() -> datetime:
    return datetime.now(UTC)


class _OnScreen:
    """A table that grows; what is no message goes to standard error, with the wall clock's time."""

    def __init__(
        self,
        environment: Environment,
        places: Sequence[str],
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._environment = environment
        self._places = places
        self._now = now
        self._console = Console(highlight=False)
        self._notices = Console(stderr=True, highlight=False)
        self._standing = 0
        self._begun = False
        self._cut = False

    def begin(self) -> None:
        """Say what is watched."""
        if self._environment is Environment.EXERCISE:
            view.banner(self._notices)
        places = ", ".join(self._places)
        self._notices.print(f"watching {places} ({self._environment}); Ctrl-C ends", style="dim")
        self._notices.print(view.header())

    def show(self, event: FeedEvent) -> None:
        """Show one event; that a connection is still away is no news."""
        if isinstance(event, Received):
            self._standing += not self._begun
            self._console.print(view.line(event.message, event.channel.place))
            return
        was_cut, self._cut = self._cut, isinstance(event, Disconnected)
        if not (was_cut and self._cut):
            self._notices.print(view.notice(self._now(), *self._words(event)))
        self._begun = True

    def _words(self, event: FeedEvent) -> tuple[str, str]:
        match event:
            case Connected() if not self._begun:
                active = f"{self._standing} active above" if self._standing else "nothing is active"
                return f"connected: {active}, what comes is below", "dim"
            case Connected():
                return "connected again: what was missed is above", "green"
            case Disconnected(reason):
                return f"NO CONNECTION, nothing is shown until it is back: {reason}", "bold red"
            case Silent(seconds):
                since = f"no sign of life for {seconds:.0f} s"
                return f"NO ALERTS WOULD COME: {since}, is the relay running?", "bold red"
            case Alive():
                return "signs of life again: alerts would come", "green"
            case Missed(channel, first, last):
                lost = f"messages {first} to {last} of {channel.name}"
                return f"MISSED: {lost} are no longer kept, what is active follows", "bold red"
            case _:
                raise AssertionError(event)
