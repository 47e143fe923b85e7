"""What `skyfence watch` shows of the connection: in words that no alert and no other state has."""

from datetime import UTC, datetime

import pytest
from talk import golden

from skyfence.cli.watch import _OnScreen
from skyfence.client.feed import Alive, Connected, Disconnected, FeedEvent, Missed, Received, Silent
from skyfence.contracts.alert import Timeline
from skyfence.contracts.channel_message import (
    Acknowledgement,
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
    events = (Connected(), Silent(15.2), Alive(), Disconnected("cut"), Missed(CHANNEL, 3, 5))
    lines = shown(screen, capsys, *events)
    assert len(set(lines)) == len(events)
    grave = [line for line in lines if "NO " in line or "MISSED" in line]
    assert len(grave) == 3
    assert "messages 3 to 5 of alerts:RO-TL" in grave[-1]


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
