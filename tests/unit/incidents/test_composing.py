"""The message that an incident's news makes: what it repeats of the event."""

from builders import track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import TrackEvent
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment


def test_an_alert_repeats_every_field_that_it_shares_with_its_event() -> None:
    """A field that both models have is the event's own, save the minutes, which are the place's."""
    event = track_event(
        "entered",
        1,
        ahead=({"place": "BB-1", "minutes_left": 12},),
        minutes_left=3,
        depth_m=1_200,
        identified_as="permit 7",
        other_side=("XX",),
        object={"category": "uav", "callsign": "TEST1"},
    )
    shared = Alert.model_fields.keys() & TrackEvent.model_fields.keys() - {"minutes_left"}
    assert len(shared) > 10
    for alert in IncidentManager(Environment.ACTUAL, {}, ENGLISH.operators).process(event):
        assert {name: getattr(alert, name) for name in shared} == {
            name: getattr(event, name) for name in shared
        }
