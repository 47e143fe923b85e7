"""``skyfence watch``: alerts of regions, nations or the alliance as they arrive.

The state of the places is shown first, then what is active, then what comes: places' messages stand
out, incidents are evidence beneath them, and the bell rings for what sounds and comes now or was
missed: not for what stood before the start. That the connection is lost, that nobody would publish,
or that a place is unseen, is said in other words than "no alert".
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import click

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import read_status
from skyfence.cli import view
from skyfence.cli.local import runtime_file, signals
from skyfence.cli.places import ALL, channels_of
from skyfence.cli.zone_options import add_zones_option
from skyfence.client.feed import (
    AlertFeed,
    Alive,
    Connected,
    Disconnected,
    FeedEvent,
    Judged,
    Missed,
    Received,
    Silent,
    Unjudged,
)
from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.channel_message import ChannelMessage, OperatorsMessage
from skyfence.errors import SkyfenceError
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Channel, Environment
from skyfence.times import format_time

# More places than fit on a screen are shown only where there is something to say.
_MOST_ROWS: Final = 20

_GOOD_NEWS: Final[Mapping[type[FeedEvent], str]] = {
    Connected: "connected again: what was missed is above",
    Alive: "signs of life again: alerts would come",
    Judged: "reports are judged again: alerts would come",
}


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
    watched = [channel.place for channel in channels]
    shows = _AsJson() if as_json else _OnScreen(environment, places, watched=watched)
    signals.run(_watch(settings, channels, shows))


async def _watch(
    settings: Settings, channels: Sequence[Channel], shows: "_AsJson | _OnScreen"
) -> None:
    # Asked each time: a skyfence that was started anew listens elsewhere.
    async with AlertFeed(
        settings, channels, reach=lambda: runtime_file.reach(settings.environment)
    ) as feed:
        shows.begin()
        shows.show_places(await _states(feed), await _unseen(settings))
        async for event in feed:
            shows.show(event)


async def _states(feed: AlertFeed) -> list[OperatorsMessage] | str:
    """Return the states of the feed's places, or why they cannot be read."""
    try:
        return await feed.places()
    except SkyfenceError as error:
        return str(error)


async def _unseen(settings: Settings) -> dict[str, str]:
    """Return the live run's places that no healthy source covers, and since when.

    Those of a list of all places stand under ``ALL``. Empty where no monitor tells.
    """
    try:
        async with contextlib.aclosing(await connect(settings)) as redis:
            system = await read_status(redis, settings.environment)
    except SkyfenceError:  # the feed tells what is wrong with the connection
        return {}
    live = [unseen for unseen in (system.unseen if system else ()) if unseen.run == LIVE_RUN]
    return {
        place: format_time(unseen.since)[:19].replace("T", " ")
        for unseen in live
        for place in ([ALL] if unseen.everywhere else unseen.places)
    }


class _AsJson:
    """Messages as they are on Redis, and the state of the connection between them."""

    def begin(self) -> None:
        """Show nothing: the first line is the state of the places."""

    def show_places(self, states: list[OperatorsMessage] | str, unseen: Mapping[str, str]) -> None:
        """Write one line: the last message of each place, and the places that nobody sees."""
        told: dict[str, object] = {"connection": "places", "unseen": sorted(unseen)}
        if isinstance(states, str):
            told["reason"] = states
        else:
            told["places"] = [json.loads(message.to_json()) for message in states]
        click.echo(json.dumps(told))

    def show(self, event: FeedEvent) -> None:
        """Write one line."""
        if isinstance(event, Received):
            click.echo(event.message.to_json())
            return
        told: dict[str, object] = {"connection": type(event).__name__.lower()}
        if isinstance(event, Disconnected):
            told["reason"] = event.reason
        elif isinstance(event, Unjudged):
            told["until"] = None if event.until is None else format_time(event.until)
        elif isinstance(event, Missed):
            told |= {"channel": event.channel.name, "first": event.first, "last": event.last}
        click.echo(json.dumps(told))


def _sounds(message: ChannelMessage) -> bool:
    """Tell whether somebody has to act on a message."""
    return isinstance(message, OperatorsMessage) and message.alert.notify == "sound"


def _is_shown(message: OperatorsMessage, unseen: Mapping[str, str]) -> bool:
    """Tell whether a place is shown among many: where it is not clear, or is not seen."""
    alert = message.alert
    is_clear = isinstance(alert, PlaceAlert) and alert.level == "clear"
    return not is_clear or alert.place in unseen


def _now() -> datetime:
    return datetime.now(UTC)


# For a second or two after Redis has lost everything, its relay has not filled it again.
_UNTOLD: Final = " as far as this redis knows, which holds no place's state: new, or just emptied"


class _OnScreen:
    """A table that grows; what is no message goes to standard error, with the wall clock's time."""

    def __init__(
        self,
        environment: Environment,
        places: Sequence[str],
        now: Callable[[], datetime] = _now,
        watched: Sequence[str] = (),
    ) -> None:
        self._environment = environment
        self._places = places
        self._watched = watched or places  # ``places`` may say "all"
        self._now = now
        self._console = view.console()
        self._notices = view.console(stderr=True)
        self._standing = 0
        self._begun = False
        self._cut = False
        self._rang_for_missed = False
        self._is_unseen = False
        self._is_untold = False

    def begin(self) -> None:
        """Say what is watched."""
        if self._environment is Environment.EXERCISE:
            view.banner(self._notices)
        places = ", ".join(self._places)
        self._notices.print(f"watching {places} ({self._environment}); Ctrl-C ends", style="dim")
        self._notices.print(view.header())

    def show_places(self, states: list[OperatorsMessage] | str, unseen: Mapping[str, str]) -> None:
        """Show the state of the watched places; of many only what is not clear."""
        if isinstance(states, str):
            words = f"THE STATE OF THE PLACES IS NOT KNOWN: {states}"
            self._notices.print(view.notice(self._now(), words, "bold red"))
            return
        if ALL in unseen:  # of the monitor's list: every place there is
            unseen = dict.fromkeys(self._watched, unseen[ALL])
        self._is_unseen = any(place in unseen for place in self._watched)
        self._is_untold = not states
        told = {message.alert.place for message in states if message.alert.run == LIVE_RUN}
        untold = [place for place in self._watched if place not in told]
        if len(self._watched) > _MOST_ROWS:
            states = [message for message in states if _is_shown(message, unseen)]
            self._name_unseen([place for place in untold if place in unseen])
            untold = []
        self._console.print(view.places_table(states, unseen, untold))

    def _name_unseen(self, places: Sequence[str]) -> None:
        """Say in one line which of many places nobody sees."""
        if places:
            more = f" and {len(places) - _MOST_ROWS} more" if len(places) > _MOST_ROWS else ""
            words = (
                f"{view.UNSEEN}, no healthy source covers them: {', '.join(places[:_MOST_ROWS])}"
            )
            self._notices.print(view.notice(self._now(), words + more, "bold white on red"))

    def show(self, event: FeedEvent) -> None:
        """Show one event; that a connection is still away is no news."""
        if isinstance(event, Received):
            self._standing += not self._begun
            self._console.print(view.line(event.message, event.channel.place))
            self._ring(event)
            return
        self._rang_for_missed &= isinstance(event, Missed)
        was_cut, self._cut = self._cut, isinstance(event, Disconnected)
        if not (was_cut and self._cut):
            self._notices.print(view.notice(self._now(), *self._words(event)))
        self._begun = True

    def _ring(self, received: Received) -> None:
        """Ring for a message that sounds; once for all that are caught up on together."""
        if received.live:
            self._rang_for_missed = False
        if not _sounds(received.message) or not (received.live or self._begun):
            return
        if not self._rang_for_missed:
            self._console.bell()
        self._rang_for_missed = not received.live

    def _words(self, event: FeedEvent) -> tuple[str, str]:
        match event:
            case Connected() if not self._begun:
                active = f"{self._standing} active above" if self._standing else "nothing is active"
                if self._is_unseen:
                    active += ", what is UNSEEN is not clear"
                elif self._is_untold and not self._standing:
                    active += _UNTOLD
                return f"connected: {active}, what comes is below", "dim"
            case Connected() | Alive() | Judged():
                return _GOOD_NEWS[type(event)], "green"
            case Disconnected(reason):
                words = f"NO CONNECTION, nothing is shown until it is back: {reason}"
            case Silent(seconds):
                since = f"no sign of life for {seconds:.0f} s"
                words = f"NO ALERTS WOULD COME: {since}, is the relay running?"
            case Unjudged(until):
                since = (
                    "" if until is None else f" since {format_time(until)[:19].replace('T', ' ')}"
                )
                words = f"REPORTS ARE NOT JUDGED{since}: no alert means nothing, is a worker there?"
            case Missed(channel, first, last):
                lost = f"messages {first} to {last} of {channel.name}"
                words = f"MISSED: {lost} are no longer kept, what is active follows"
            case _:
                raise AssertionError(event)
        return words, "bold red"
