"""The incident agent's messages: what has one key arrives in order."""

from builders import place_alert, track_event
from words import ENGLISH

from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from streams.incident_agent import key_of


def test_all_episodes_of_a_place_have_one_key() -> None:
    """A new episode is not heard of before the last one's end; runs and places are apart."""
    first, second = place_alert(episode=1), place_alert(episode=2)
    assert key_of(first) == key_of(second) == "live/AA-1"
    others = {key_of(place_alert(place="AA")), key_of(place_alert(run="drill"))}
    assert len({key_of(first), *others}) == 3


def test_an_incident_has_one_key_on_all_channels() -> None:
    """Its chains stay in order, and together."""
    manager = IncidentManager(Environment.ACTUAL, {}, ENGLISH.operators)
    alerts = manager.process(track_event("entered", 1))
    assert {key_of(alert) for alert in alerts} == {str(alerts[0].incident_id)}
