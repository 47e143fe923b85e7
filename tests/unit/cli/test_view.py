"""Foreign words on a screen: shown as they are, whatever a terminal or rich would make of them."""

from datetime import UTC, datetime

import pytest
from builders import place_alert

from skyfence.cli import view
from skyfence.contracts.alert import Timeline
from skyfence.contracts.channel_message import OperatorsMessage

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FOREIGN = "[red]T1[/red] [/] :skull: [link=file:///etc]x"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


def test_markup_in_a_message_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a line nor in the table of places: rich would hide it, or end with an error."""
    alert = place_alert(headline=FOREIGN)
    message = OperatorsMessage(epoch="0a", sequence=1, alert=alert, timeline=Timeline())
    console = view.console()
    console.print(view.line(message, "RO-TL"))
    console.print(view.places_table([message], {}, []))
    console.print(view.notice(NOON, FOREIGN, ""))
    assert capsys.readouterr().out.count(FOREIGN) == 3


@pytest.mark.parametrize("letter", ["\x1b", "\x07", "\x9b", "\r", "\u202e", "\u2028"])
def test_nothing_commands_the_terminal(letter: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An escape, a bell, a return or a turn of the text is shown as a character of no meaning."""
    message = OperatorsMessage(
        epoch="0a",
        sequence=1,
        alert=place_alert(headline=f"a{letter}[2Jb"),
        timeline=Timeline(),
    )
    view.console().print(view.line(message, "RO-TL"))
    assert "a\N{REPLACEMENT CHARACTER}[2Jb" in capsys.readouterr().out
