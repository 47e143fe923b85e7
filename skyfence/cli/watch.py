"""``skyfence watch``: alerts of regions, nations or the alliance as they arrive."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import click
from rich.console import Console

from skyfence.alert import AlertMessage
from skyfence.channels import ALLIANCE, Environment, operators_channel, operators_pattern
from skyfence.cli import asynchronous, runtime, view
from skyfence.client import AlertFeed, connect
from skyfence.errors import UnavailableError, UsageError
from skyfence.files import load_zones
from skyfence.settings import Settings

ALL: Final = "all"
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


@click.command()
@click.argument("places", nargs=-1, required=True)
@click.option("--exercise", is_flag=True, help="Exercises instead of actual alerts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def watch(places: tuple[str, ...], exercise: bool, as_json: bool) -> None:
    """Show the alerts of PLACES: regions (RO-TL), nations (RO), NATO, or `all`."""
    environment = Environment.EXERCISE if exercise else Environment.ACTUAL
    _check(places, runtime.reach(environment))
    console = Console(highlight=False)
    notices = Console(stderr=True, highlight=False)

    def show(message: AlertMessage) -> None:
        if as_json:
            click.echo(message.to_json())
        else:
            console.print(view.line(message))

    asynchronous.run(_watch(show, notices, environment, places))


def _check(places: Sequence[str], settings: Settings) -> None:
    """Refuse a place that no alert can be for: silence on it would mean nothing."""
    known = {ALLIANCE, ALL}
    for zone in load_zones(settings.zones, settings.regions).zones:
        if zone.properties.nato:
            known.add(zone.id if zone.is_region else zone.nation)
    for place in places:
        if place not in known:
            raise UsageError(
                f"no alerts can come for {place!r}: not a region, a nation, {ALLIANCE} or {ALL}"
            )


async def _watch(
    show: Callable[[AlertMessage], None],
    notices: Console,
    environment: Environment,
    places: Sequence[str],
) -> None:
    """Show alerts for ever; say so whenever the connection is lost and when it is back."""
    pause_s = 0.0
    while True:
        try:
            # Asked each time: a skyfence that was started anew listens elsewhere.
            settings = runtime.reach(environment)
            async with await _subscribe(settings, places) as feed:
                _say_what(notices, environment, places)
                pause_s = _FIRST_PAUSE_S
                async for message in feed:
                    show(message)
        except UnavailableError as error:
            if not pause_s:
                raise  # it never worked: better to end than to keep somebody waiting
            notices.print(f"{error}; alerts may be missed; trying again", style="bold red")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _subscribe(settings: Settings, places: Sequence[str]) -> AlertFeed:
    environment = settings.environment
    redis = await connect(settings)
    if ALL in places:
        return AlertFeed(redis, [], [operators_pattern(environment)])
    return AlertFeed(redis, [operators_channel(environment, place) for place in places])


def _say_what(notices: Console, environment: Environment, places: Sequence[str]) -> None:
    if environment is Environment.EXERCISE:
        view.banner(notices)
    notices.print(f"watching {', '.join(places)} ({environment}); Ctrl-C ends", style="dim")
    notices.print(view.header())
