"""An alert as a CloudEvent 1.0 (CNCF), the form in which webhooks carry it.

``data`` is the alert message, as on Redis; what stands around it lets a receiver route the event
without reading it. Everything but the message's timeline follows from the alert, so the same alert
is the same event. Does not sign it (``signature``) and does not send it.
"""

from collections.abc import Mapping
from typing import Final, Literal

from skyfence.contracts.alert import (
    AlertMessage,
    AnyAlert,
    Notify,
    PlaceAlert,
    PlaceLevel,
    is_abandoned,
)
from skyfence.contracts.base import Contract, UtcTime
from skyfence.naming import Environment

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_TYPES: Final[Mapping[str, "EventType"]] = {
    "airspace violation": "skyfence.airspace-violation",
    "repeated airspace violations": "skyfence.repeated-airspace-violations",
    "sensor feed silent": "skyfence.sensor-feed-silent",
}
# A place's state, by its level: so that a receiver can act before, during and after.
_PLACE_TYPES: Final[Mapping[PlaceLevel, "EventType"]] = {
    "watch": "skyfence.place.watch",
    "prepare": "skyfence.place.prepare",
    "shelter": "skyfence.place.shelter",
    "clear": "skyfence.place.clear",
}

# ``untracked`` ends an episode without an all-clear: the system lost track.
EventType = Literal[
    "skyfence.place.watch",
    "skyfence.place.prepare",
    "skyfence.place.shelter",
    "skyfence.place.clear",
    "skyfence.place.untracked",
    "skyfence.airspace-violation",
    "skyfence.repeated-airspace-violations",
    "skyfence.sensor-feed-silent",
]


class CloudEvent(Contract):
    """One alert on its way to a webhook.

    ``id`` is the alert's, ``source`` whoever runs this skyfence and in which environment,
    ``subject`` the alert's channel, and ``time`` when the fact stood. ``notify``, an extension
    attribute, says whether people have to act (``sound``) or the state has changed (``quiet``).
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: EventType
    subject: str
    notify: Notify = "sound"
    time: UtcTime
    datacontenttype: Literal["application/json"] = "application/json"
    # The $id of docs/schemas/alert-message.schema.json; a test holds the two together.
    dataschema: Literal["urn:skyfence:schema:alert-message:2"] = (
        "urn:skyfence:schema:alert-message:2"
    )
    data: AlertMessage


def cloud_event(message: AlertMessage, source: str) -> CloudEvent:
    """Return the event that carries an alert message."""
    alert = message.alert
    return CloudEvent(
        id=str(alert.alert_id),
        source=source,
        type=_type_of(alert),
        subject=alert.channel,
        notify=alert.notify,
        time=alert.time,
        data=message,
    )


def _type_of(alert: AnyAlert) -> EventType:
    if not isinstance(alert, PlaceAlert):
        return _TYPES[alert.event]
    return "skyfence.place.untracked" if is_abandoned(alert) else _PLACE_TYPES[alert.level]


def default_source(environment: Environment) -> str:
    """Return the source of events where nobody has given another."""
    return f"urn:skyfence:{environment}"
