"""What `skyfence watch` shows of the connection: in words that no alert and no other state has."""

from datetime import UTC, datetime
from typing import Any

import pytest
from builders import place_alert
from rich.table import Table
from talk import golden

from skyfence.cli import view
from skyfence.cli.watch import _OnScreen
from skyfence.client.feed import (
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
from skyfence.contracts.alert import PlaceLevel, Timeline
from skyfence.contracts.channel_message import (
    Acknowledgement,
    ChannelMessage,
    IncidentDecision,
    NoteMessage,
    OperatorsMessage,
)
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment

CHANNEL = Channel(Environment.ACTUAL, Audience.OPERATORS, "RO-TL")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> _OnScreen:
    monkeypatch.setenv("COLUMNS", "160")
    return _OnScreen(Environment.ACTUAL, ["RO-TL"], now=lambda: NOON)


def alert() -> Received:
    pattern = golden("romania-2024-09-08.jsonl")[0]
    message = OperatorsMessage(
        epoch="0a", sequence=1, alert=pattern, timeline=Timeline(observed=pattern.time)
    )
    return Received(CHANNEL, message, live=False)


def shown(screen: _OnScreen, capsys: pytest.CaptureFixture[str], *events: FeedEvent) -> list[str]:
    """Return the lines on standard error that follow from events."""
    for event in events:
        screen.show(event)
    return [line.strip() for line in capsys.readouterr().err.splitlines()]


def test_an_outage_is_said_once_with_its_time(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """However often connecting fails, one line says since when, and one that it is back."""
    lines = shown(
        screen,
        capsys,
        Connected(),
        Disconnected("cut"),
        Disconnected("refused"),
        Disconnected("refused"),
        Connected(),
        Disconnected("cut"),
    )
    assert lines == [
        "2026-11-24 12:00:00  connected: nothing is active, what comes is below",
        "2026-11-24 12:00:00  NO CONNECTION, nothing is shown until it is back: cut",
        "2026-11-24 12:00:00  connected again: what was missed is above",
        "2026-11-24 12:00:00  NO CONNECTION, nothing is shown until it is back: cut",
    ]


def test_what_was_active_is_counted(screen: _OnScreen, capsys: pytest.CaptureFixture[str]) -> None:
    """Who comes late reads how many lines above are what is active now."""
    [line] = shown(screen, capsys, alert(), alert(), Connected())
    assert line.endswith("connected: 2 active above, what comes is below")


def test_states_look_different(screen: _OnScreen, capsys: pytest.CaptureFixture[str]) -> None:
    """No two states of the connection have the same words, and the grave ones are in capitals."""
    events = (
        Connected(),
        Silent(15.2),
        Alive(),
        Unjudged(NOON),
        Judged(),
        Disconnected("cut"),
        Missed(CHANNEL, 3, 5),
    )
    lines = shown(screen, capsys, *events)
    assert len(set(lines)) == len(events)
    grave = [line for line in lines if "NO " in line or "NOT " in line or "MISSED" in line]
    assert len(grave) == 4
    assert "REPORTS ARE NOT JUDGED since 2026-11-24 12:00:00" in grave[1]
    assert "messages 3 to 5 of alerts:RO-TL" in grave[-1]


def state(level: PlaceLevel, **changes: Any) -> OperatorsMessage:
    """Return the last message of a place."""
    alert = place_alert(level, **{"place": "RO-TL", **changes})
    return OperatorsMessage(epoch="0a", sequence=1, alert=alert, timeline=Timeline())


def test_the_state_of_the_places_comes_first(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each watched place has a row with level, number and minutes."""
    screen.show_places([state("prepare", objects=7, lost=1, minutes_left=4)], {})
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "RO-TL live prepare 7, 1 lost 4 2024-09-07 03:58:00" in words


@pytest.mark.parametrize(
    ("states", "unseen", "expected"),
    [
        ([], {}, "no episode"),
        ([], {"RO-TL": "2024-09-07 03:58:00"}, "UNSEEN"),
        ([], {"all": "2024-09-07 03:58:00"}, "UNSEEN"),
        ([state("clear")], {}, "clear"),
        ([state("clear")], {"RO-TL": "2024-09-07 03:58:00"}, "clear UNSEEN"),
        ([state("shelter", unseen=True)], {}, "shelter UNSEEN"),
        ([state("shelter", message_type="Cancel", certainty="Unknown")], {}, "tracking lost"),
    ],
)
def test_a_place_that_nobody_sees_is_never_without_a_word(
    screen: _OnScreen,
    capsys: pytest.CaptureFixture[str],
    states: list[OperatorsMessage],
    unseen: dict[str, str],
    expected: str,
) -> None:
    """Unseen has a word of its own beside the level, and none reads "no alert"."""
    screen.show_places(states, unseen)
    said = capsys.readouterr().out
    assert expected in " ".join(said.split())
    assert ("UNSEEN" in said) is ("UNSEEN" in expected)
    assert "no alert" not in said.lower()


def test_what_is_unseen_is_said_again_when_nothing_is_active(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """That nothing is active is no all-clear where nobody looks."""
    screen.show_places([], {"RO-TL": "2024-09-07 03:58:00"})
    [line] = shown(screen, capsys, Connected())
    assert "nothing is active, what is UNSEEN is not clear" in line


def test_a_redis_that_holds_no_state_is_no_all_clear(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may have been emptied a moment ago, and is being filled."""
    screen.show_places([], {})
    [line] = shown(screen, capsys, Connected())
    assert "nothing is active as far as this redis knows, which holds no place's state" in line


def test_of_many_places_only_those_with_news_have_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A screen for all places shows what is not clear, and names or counts what nobody sees."""
    monkeypatch.setenv("COLUMNS", "400")
    watched = [f"RO-{number}" for number in range(100)]
    screen = _OnScreen(Environment.ACTUAL, ["all"], now=lambda: NOON, watched=watched)
    states = [state("clear", place="RO-1"), state("shelter", place="RO-2")]
    screen.show_places(states, dict.fromkeys(watched[2:], "2024-09-07 03:58:00"))
    heard = capsys.readouterr()
    assert "RO-2" in heard.out
    assert "RO-1 " not in heard.out
    assert "UNSEEN, no healthy source covers them: RO-3, RO-4" in heard.err
    assert "and 77 more" in heard.err


def test_a_state_that_cannot_be_read_is_not_taken_for_none(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user without the right reads that the state is not known."""
    screen.show_places("this redis user may not read the states of places", {})
    heard = capsys.readouterr()
    assert "THE STATE OF THE PLACES IS NOT KNOWN: this redis user may not" in heard.err
    assert heard.out == ""


MISSED = Received(CHANNEL, state("shelter"), live=False)
LIVE = Received(CHANNEL, state("shelter"), live=True)
CUT = Disconnected("cut")


@pytest.mark.parametrize(
    ("events", "rings"),
    [
        ((Connected(), LIVE, LIVE), 2),
        ((Connected(), Received(CHANNEL, state("shelter", notify="quiet"), live=True)), 0),
        ((MISSED, Connected()), 0),
        ((Connected(), CUT, MISSED, MISSED, Connected()), 1),
        ((Connected(), CUT, MISSED, Connected(), CUT, MISSED, Connected()), 2),
        ((Connected(), MISSED, MISSED, LIVE, MISSED), 3),
        ((Connected(), CUT, Received(CHANNEL, state("watch", notify="quiet"), live=False)), 0),
    ],
    ids=["sounds", "quiet", "at the start", "a cut", "two cuts", "two gaps", "missed and quiet"],
)
def test_the_bell_rings_for_what_sounds(
    screen: _OnScreen,
    monkeypatch: pytest.MonkeyPatch,
    events: tuple[FeedEvent, ...],
    rings: int,
) -> None:
    """For what comes now, and once for what was missed together; never for what stood before."""
    rung: list[bool] = []
    monkeypatch.setattr(screen._console, "bell", lambda: rung.append(True))
    for event in events:
        screen.show(event)
    assert len(rung) == rings


def test_incidents_are_shown_beneath_places() -> None:
    """A place's sounding message is bold, an incident's is dim."""
    incident = alert().message
    assert [table.rows[0].style for table in map_lines(state("shelter"), incident)] == [
        *("bold", "dim"),
    ]


def map_lines(*messages: ChannelMessage) -> list[Table]:
    return [view.line(message, "RO-TL") for message in messages]


def test_a_note_names_its_place(screen: _OnScreen, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has taken note is shown in the line of the channel on which it was said."""
    note = Acknowledgement(note_id=derive("n", 1), incident_id=derive("i", 1), by="anna", time=NOON)
    message = NoteMessage(epoch="0a", sequence=2, note=note)
    screen.show(Received(CHANNEL, message, live=True))
    assert capsys.readouterr().out.split()[2:6] == ["RO-TL", "note", "acknowledged", "by"]


def test_a_decision_about_an_incident_says_who_and_why(
    screen: _OnScreen, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an operator decided about an incident is one line, with the track it is about."""
    note = IncidentDecision(
        note_id=derive("n", 1),
        incident_id=derive("i", 1),
        decision="separated",
        track="coast/7",
        by="anna",
        reason="two lights",
        time=NOON,
    )
    message = NoteMessage(epoch="0a", sequence=2, note=note)
    screen.show(Received(CHANNEL, message, live=True))
    words = " ".join(capsys.readouterr().out.split())
    assert "RO-TL note separated by anna: track coast/7 of incident" in words
    assert words.endswith("(two lights)")
