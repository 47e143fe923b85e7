"""How an alert looks on a terminal: one line each, in columns, coloured by what it asks for."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from skyfence.contracts.alert import (
    EXERCISE_MARK,
    Alert,
    AnyAlert,
    PlaceAlert,
    PlaceLevel,
    PublicAlert,
    is_abandoned,
)
from skyfence.contracts.channel_message import (
    Acknowledgement,
    ChannelMessage,
    IncidentDecision,
    NoteMessage,
    OperatorNote,
    OperatorsMessage,
    is_over,
)
from skyfence.frames.frame import LIVE_RUN
from skyfence.times import format_time

BANNER: Final = "EXERCISE  EXERCISE  EXERCISE   these alerts are not real"
_STYLES: Final = {
    "threat": "bold yellow",
    "violation": "bold red",
    "lost": "magenta",
    "exited": "yellow",
    "closed": "green",
}
_LEVEL_STYLES: Final[Mapping[PlaceLevel, str]] = {
    "shelter": "bold white on red",
    "prepare": "bold yellow",
    "watch": "yellow",
    "clear": "green",
}
UNSEEN: Final = "UNSEEN"
# Control, format, lone surrogates, line and paragraph separators.
_UNSEEN_LETTERS: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_WIDTHS: Final = (19, 8, 8, 14)  # the last column takes what is left


def console(*, stderr: bool = False) -> Console:
    """Return a console that shows foreign words as they are: no markup in them, no emoji codes."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def plain(words: str) -> str:
    """Return foreign words with what would move the cursor or turn the text replaced by U+FFFD.

    These are control characters (Unicode's Cc, with the escape that begins a terminal's commands)
    and the invisible ones that turn the direction of writing (Cf).
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in _UNSEEN_LETTERS else letter
        for letter in words
    )


def header() -> Table:
    """Return the heading of the columns."""
    return _row("event time (UTC)", "channel", "message", "state", "what", style="bold")


def line(message: ChannelMessage, place: str) -> Table:
    """Return a message of a place's channel as a line."""
    if isinstance(message, NoteMessage):
        return _note(message.note, place)
    alert = message.alert
    headline = alert.headline.removeprefix(EXERCISE_MARK)
    if isinstance(message, OperatorsMessage) and message.acknowledged is not None:
        headline += f" (acknowledged by {message.acknowledged.by})"
    if isinstance(alert, Alert) and (alert.step == 1 or alert.incident_state == "lost"):
        headline += f" (incident {alert.incident_id})"  # for `skyfence ack` and `close`
    if isinstance(alert, PlaceAlert) and "level" in alert.news and not is_over(alert):
        headline += f" (episode {alert.episode_id})"  # for `skyfence ack`
    return _row(
        _time(alert.time),
        place,
        f"{alert.message_type} {alert.step}",
        "public" if isinstance(alert, PublicAlert) else _state(alert),
        headline,
        style=_prominence(alert),
    )


def _prominence(alert: AnyAlert | PublicAlert) -> str:
    """Return the style of a line: a place's state stands out, incidents are evidence beneath it."""
    if isinstance(alert, PlaceAlert):
        return "bold" if alert.notify == "sound" else ""
    return "dim" if isinstance(alert, Alert) else ""


def places_table(
    states: Sequence[OperatorsMessage], unseen: Mapping[str, str], untold: Sequence[str]
) -> Table:
    """Return the states of places; ``untold`` had no episode yet.

    ``unseen`` names the live run's places that no healthy source covers, and since when.
    """
    table = Table("place", "run", "state", "objects", "minutes", "since (UTC)", "what")
    table.title = "State of the places"
    for message in states:
        alert = message.alert
        if not isinstance(alert, PlaceAlert):
            continue
        is_unseen = alert.unseen or (alert.run == LIVE_RUN and alert.place in unseen)
        headline = alert.headline.removeprefix(EXERCISE_MARK)
        if not is_over(alert):
            headline += f" (episode {alert.episode_id})"  # for `skyfence ack`
        table.add_row(
            alert.place,
            alert.run,
            level_of(alert, is_unseen=is_unseen),
            _objects(alert),
            "" if alert.minutes_left is None else str(alert.minutes_left),
            _time(alert.time),
            plain(headline),
        )
    for place in untold:
        state = Text(UNSEEN, style="bold white on red") if place in unseen else Text("no episode")
        table.add_row(place, LIVE_RUN, state, "", "", unseen.get(place, ""), "")
    return table


def level_of(alert: PlaceAlert, *, is_unseen: bool) -> Text:
    """Return a place's level in colour; that it is unseen, or no longer tracked, stands beside."""
    if is_abandoned(alert):
        return Text("tracking lost", style="bold white on red")
    level = Text(alert.level, style=_LEVEL_STYLES[alert.level])
    return level.append(f" {UNSEEN}", style="bold white on red") if is_unseen else level


def _objects(alert: PlaceAlert) -> str:
    lost = f", {alert.lost} lost" if alert.lost else ""
    return f"{alert.objects}{lost}"


def notice(time: datetime, words: str, style: str) -> Table:
    """Return as a line what is no message: how the connection is."""
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    row.add_column(width=_WIDTHS[0], no_wrap=True)
    row.add_column(ratio=1)
    row.add_row(_time(time), plain(words), style=style)
    return row


def _note(note: OperatorNote, place: str) -> Table:
    """Return as a line what operators should know beside the alerts."""
    if isinstance(note, Acknowledgement):
        what = f"by {note.by}: incident {note.incident_id}"
        return _row(_time(note.time), place, "note", Text("acknowledged", style="cyan"), what)
    if isinstance(note, IncidentDecision):
        subject = f"track {note.track} of " if note.track else ""
        other = f" and {note.other_id}" if note.other_id else ""
        what = f"by {note.by}: {subject}incident {note.incident_id}{other} ({note.reason})"
        return _row(_time(note.time), place, "note", Text(note.decision, style="cyan"), what)
    until = f" until {_time(note.deadline)[11:]}" if note.deadline else ""
    words = {
        "held": f"{note.alert_id} waits for a decision{until}",
        "released": f"released by {note.by or 'the policy'}",
        "withdrawn": f"withdrawn by {note.by or 'the policy'}",
    }
    headline = note.headline.removeprefix(EXERCISE_MARK)
    what = f"public message {words[note.decision]}: {headline}"
    return _row(_time(note.time), place, "note", Text(note.decision, style="cyan"), what)


def _time(time: datetime) -> str:
    return format_time(time)[:19].replace("T", " ")


def _state(alert: AnyAlert) -> Text:
    """Return where the incident stands, or the feed: silent, back, or given up."""
    if isinstance(alert, Alert):
        return Text(alert.incident_state, style=_STYLES[alert.incident_state])
    if isinstance(alert, PlaceAlert):
        return level_of(alert, is_unseen=alert.unseen)
    if alert.message_type == "Alert":
        return Text(alert.cause, style="bold white on red")
    return Text("given up", style="red") if alert.heard_again is None else Text("back", "green")


def _row(*cells: str | Text, style: str = "") -> Table:
    row = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for width in _WIDTHS:
        row.add_column(width=width, no_wrap=True)
    row.add_column(ratio=1)
    row.add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in cells), style=style)
    return row


def banner(console: Console) -> None:
    """Say that what follows is an exercise."""
    console.print(Text(f" {BANNER} ", style="bold black on yellow"))


def channels_table(alerts: list[Alert]) -> Table:
    """Return how many messages each channel received, and the last of them."""
    table = Table(title="What each channel received")
    table.add_column("channel")
    table.add_column("messages", justify="right")
    table.add_column("last")
    for channel in sorted({alert.channel for alert in alerts}):
        own = [alert for alert in alerts if alert.channel == channel]
        last = f"{own[-1].message_type} {own[-1].step}, {own[-1].incident_state}"
        table.add_row(channel, str(len(own)), last)
    return table
