"""Catching up: what is handed out, and what is left out as known or outdated."""

from itertools import count

from builders import place_alert

from skyfence.client.catch_up import ChannelCursor
from skyfence.contracts.alert import PlaceAlert, Timeline
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.naming import Audience, Channel, Environment

CHANNEL = Channel(Environment.ACTUAL, Audience.OPERATORS, "AA-1")
SEQUENCES = count(1)


def message(alert: PlaceAlert) -> OperatorsMessage:
    """Return an alert as a channel carries it, the next in its sequence."""
    return OperatorsMessage(epoch="e", sequence=next(SEQUENCES), alert=alert, timeline=Timeline())


def taken(cursor: ChannelCursor, *alerts: PlaceAlert) -> list[int]:
    """Return the steps that a cursor hands out of some alerts."""
    given = cursor.take_new([message(alert) for alert in alerts])
    return [
        received.message.alert.step
        for received in given
        if isinstance(received.message, OperatorsMessage)
    ]


def test_no_step_comes_after_a_later_one() -> None:
    """A Redis that came back as it was is given an old step anew, of which this one never heard."""
    cursor = ChannelCursor(CHANNEL)
    assert taken(cursor, place_alert("shelter", 2)) == [2]
    assert taken(cursor, place_alert("prepare", 1), place_alert("shelter", 3)) == [3]


def test_other_chains_have_steps_of_their_own() -> None:
    """The first step of the next episode comes after the fifth of the last."""
    cursor = ChannelCursor(CHANNEL)
    assert taken(cursor, place_alert("shelter", 5)) == [5]
    assert taken(cursor, place_alert("prepare", 1, episode=2)) == [1]


def test_what_was_handed_out_is_not_handed_out_again() -> None:
    """However often it is read."""
    cursor = ChannelCursor(CHANNEL)
    assert taken(cursor, place_alert("shelter", 1)) == [1]
    assert taken(cursor, place_alert("shelter", 1), place_alert("shelter", 1)) == []
