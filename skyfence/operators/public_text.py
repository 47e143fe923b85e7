"""The public's text: what the people of a region may be told of an alert.

From a model that has no field for a position, and in words that hold none: no place but the
region's own, no track, no sensor, no speed, no identity. It follows from the operators' alert
alone, of which it keeps incident, step, CAP's words, times and minutes left. Does not publish it:
whether and when is for the region's authority to decide, and for who delivers it.
"""

from collections.abc import Mapping

from skyfence.contracts.alert import Alert, PublicAlert, is_abandoned
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.naming import Environment, public_channel
from skyfence.texts.tables import MinutesLeft, PublicKind, PublicTexts


def public_alert(alert: Alert, names: Mapping[str, str], texts: PublicTexts) -> PublicAlert | None:
    """Return what the public hears of a region's alert; None for a nation's or the alliance's.

    ``names`` are the regions'; one without keeps its identifier.

    The environment is the alert's own, so that an exercise cannot reach an actual channel.
    """
    if alert.place_kind != "region":
        return None
    environment = Environment.ACTUAL if alert.status == "Actual" else Environment.EXERCISE
    response = _response(alert)
    headline = texts.headline[response].format(
        region=names.get(alert.place, alert.place), soon=_soon(alert.minutes_left, texts.minutes)
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
            headline=headline,
            instruction=texts.instruction[response],
        ),
        event=alert.event,
        region=alert.place,
        minutes_left=alert.minutes_left,
    )


def _response(alert: Alert) -> PublicKind:
    """Return what people are to do; an incident that ends with "watch on" was joined to another."""
    if is_abandoned(alert):
        return "Untracked"
    merged = alert.incident_state == "closed" and alert.response_type != "AllClear"
    return "Merged" if merged else alert.response_type


def _soon(minutes_left: int | None, texts: MinutesLeft) -> str:
    if minutes_left is None:
        return ""
    if minutes_left == 0:
        return texts.under_one
    return texts.one if minutes_left == 1 else texts.other.format(minutes=minutes_left)
