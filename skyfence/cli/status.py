"""``skyfence status``: how sources, partitions, rejected input and incidents are."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import click
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import LEASE_MS, read_status
from skyfence.cli import view
from skyfence.cli.local import runtime_file
from skyfence.cli.recording import counted
from skyfence.client.place_states import read_places
from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.errors import UnavailableError, UsageError
from skyfence.monitoring.status import PartitionLag, SystemStatus, UnseenPlaces
from skyfence.naming import Environment
from skyfence.times import format_time, to_ms

# A monitor that has not looked for this long does not look any more.
_STALE_S: Final = LEASE_MS / 1000
# Each has something to do every two seconds.
_LATE_S: Final = 15.0
_STYLES: Final = {
    "heard": "green",
    "silent": "bold red",
    "unjudged": "bold red",
    "clock": "bold red",
    "ended": "dim",
}


@click.command()
@click.option("--exercise", is_flag=True, help="Of exercises instead of the actual world.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(exercise: bool, as_json: bool) -> None:
    """Show each source's age, lags, what was rejected, open incidents and places not clear.

    Exits 3 if no monitor keeps the status up to date.
    """
    environment = Environment.EXERCISE if exercise else Environment.ACTUAL
    system, states = asyncio.run(_read(runtime_file.reach(environment)))
    if as_json:
        click.echo(system.to_json())
    else:
        _show(view.console(), system)
        _show_places(view.console(), states)
    age_s = time.time() - to_ms(system.as_of) / 1000
    if age_s > _STALE_S:
        raise UnavailableError(f"the status is {age_s:.0f} s old: is `skyfence monitor` running?")


async def _read(settings: Settings) -> tuple[SystemStatus, list[OperatorsMessage] | str]:
    """Return the status, and the states of places or why this user cannot read them."""
    redis = await connect(settings)
    try:
        system = await read_status(redis, settings.environment)
        states = await _states(redis, settings.environment)
    finally:
        await redis.aclose()
    if system is None:
        raise UnavailableError(
            f"no status of {settings.environment} yet: is `skyfence monitor` running?"
        )
    return system, states


async def _states(redis: Redis, environment: Environment) -> list[OperatorsMessage] | str:
    """Return the states of places, or why this user may not read them."""
    try:
        return await read_places(redis, environment)
    except UsageError as error:
        return str(error)


def _show_places(console: Console, states: list[OperatorsMessage] | str) -> None:
    """Show the places that are not clear, or that it is not known which are."""
    if isinstance(states, str):
        console.print(f"the state of the places is not known: {states}", style="bold red")
        return
    told = [state.alert for state in states if isinstance(state.alert, PlaceAlert)]
    standing = [alert for alert in told if alert.level != "clear"]
    for alert in standing:
        level = view.level_of(alert, is_unseen=alert.unseen)
        count = counted(alert.objects, "object")
        console.print(Text(f"{alert.place} ({alert.run}) ").append(level).append(f", {count}"))
    console.print(f"{counted(len(standing), 'place')} not clear")


def _show(console: Console, system: SystemStatus) -> None:
    if system.environment is Environment.EXERCISE:
        view.banner(console)
    console.print(f"{system.environment}, as of {format_time(system.as_of)}")
    console.print(_sources(system))
    console.print(_processes(system))
    waiting = [lag for lag in system.lags if lag.messages]
    if waiting:
        console.print(_lags(waiting))
    console.print(f"nothing waits in {counted(len(system.lags) - len(waiting), 'partition')}")
    rejected = ", ".join(f"{name} {count}" for name, count in sorted(system.rejected.items()))
    console.print(f"rejected: {rejected or 'nothing'}")
    for unseen in system.unseen:
        console.print(_unseen(unseen))
    console.print(f"{counted(system.incidents_open, 'incident')} open")
    last = system.last_alert
    if last is None and system.unseen:
        console.print("no alert yet where sources watch; what is UNSEEN is not clear")
    elif last is None:
        console.print("no alert yet")
    else:
        decided = format_time(last.decided)
        console.print(f"last alert: {decided}, {last.message_type} to {last.place}, {last.event}")


def _sources(system: SystemStatus) -> Table:
    table = Table("source", "run", "state", "heard", "silent after", title="Sources")
    for source in system.sources:
        off = "" if source.clock_off_s is None else f" {source.clock_off_s:+.0f} s"
        state = Text(source.state + off, style=_STYLES[source.state])
        heard, limit = f"{source.age_s:.0f} s ago", f"{source.silent_after_s:g} s"
        key = Text(source.key)
        if source.registered is False:
            key.append(" (not registered)", style="dim")
        table.add_row(key, source.run, state, heard, limit)
    return table


def _processes(system: SystemStatus) -> Table:
    """Return how recently each process has done what it is there for, as of the monitor's look."""
    done_to = {"worker": None if system.judged is None else system.judged.until}
    done_to |= {process.name: process.done_to for process in system.processes}
    done_to["monitor"] = system.as_of
    table = Table("process", "up to when all is done", title="Processes")
    for name, done in done_to.items():
        age_s = None if done is None else max(0.0, (system.as_of - done).total_seconds())
        is_late = age_s is None or age_s > _LATE_S
        words = "not known" if age_s is None else f"{age_s:.0f} s ago"
        table.add_row(name, Text(words, style="bold red" if is_late else "green"))
    return table


def _unseen(unseen: UnseenPlaces) -> Text:
    """Return which places nobody sees, in words that no all-clear has."""
    places = "every place" if unseen.everywhere else ", ".join(unseen.places)
    since = format_time(unseen.since)
    words = f"UNSEEN ({unseen.run}) since {since}, no healthy source covers it: {places}"
    return Text(words, style="bold white on red")


def _lags(waiting: Sequence[PartitionLag]) -> Table:
    """Return what waits, partition by partition."""
    table = Table("topic", "partition", "messages", "up to when all is done", title="Waiting")
    for lag in waiting:
        done = "unknown" if lag.done_to is None else format_time(lag.done_to)
        table.add_row(lag.topic, str(lag.partition), str(lag.messages), done)
    return table
