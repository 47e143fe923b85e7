"""The public's text: what the people of a region may be told of an alert.

From a model that has no field for a position, and in words that hold none: no place but the
region's own, no track, no sensor, no speed, no identity. It follows from the operators' alert
alone, of which it keeps incident, step, CAP's words, times and minutes left. Does not publish it:
whether and when is for the region's authority to decide, and for who delivers it.
"""

from collections.abc import Mapping
from typing import Final

from skyfence.contracts.alert import Alert, PublicAlert
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.naming import Environment, public_channel

_TEXTS: Final[Mapping[str, str]] = {
    "Shelter": "Danger from the air in {region}. Take shelter now.",
    "Prepare": "Possible danger from the air in {region}{soon}. Be ready to take shelter.",
    "Monitor": "The danger from the air in {region} has moved away for now. Stay alert.",
    "AllClear": "All clear in {region}: the danger from the air is over.",
    "Merged": "This warning for {region} is replaced by another, which holds.",
}
_INSTRUCTIONS: Final[Mapping[str, str]] = {
    "Shelter": "Go inside, keep away from windows and from debris. Report what fell to 112.",
    "Prepare": "Stay near shelter, and do what your authorities say.",
    "Monitor": "Stay near shelter. Keep away from debris; report what fell to 112.",
    "AllClear": "Keep away from debris; report what fell to 112.",
    "Merged": "This is no all-clear. Do what the other warning says.",
}


def public_alert(alert: Alert, names: Mapping[str, str]) -> PublicAlert | None:
    """Return what the public hears of a region's alert; None for a nation's or the alliance's.

    The environment is the alert's own, so that an exercise cannot reach an actual channel.
    """
    if alert.place_kind != "region":
        return None
    environment = Environment.ACTUAL if alert.status == "Actual" else Environment.EXERCISE
    response = _response(alert)
    text = _TEXTS[response].format(
        region=names.get(alert.place, alert.place), soon=_soon(alert.minutes_left)
    )
    return PublicAlert(
        **chain_fields(
            environment=environment,
            chain_id=alert.incident_id,
            channel=public_channel(environment, alert.place),
            step=alert.step,
            cap=CapWords(
                message_type=alert.message_type,
                response_type=alert.response_type,
                urgency=alert.urgency,
                severity=alert.severity,
                certainty=alert.certainty,
            ),
            time=alert.time,
            expires=alert.expires,
            headline=text,
            instruction=_INSTRUCTIONS[response],
        ),
        event=alert.event,
        region=alert.place,
        minutes_left=alert.minutes_left,
    )


def _response(alert: Alert) -> str:
    """Return what people are to do; an incident that ends with "watch on" was joined to another."""
    merged = alert.incident_state == "closed" and alert.response_type != "AllClear"
    return "Merged" if merged else alert.response_type


def _soon(minutes_left: int | None) -> str:
    if minutes_left is None:
        return ""
    unit = "minute" if minutes_left == 1 else "minutes"
    return f" in about {minutes_left} {unit}" if minutes_left else " within a minute"
