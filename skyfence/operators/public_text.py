"""The public's text: what the people of a region are told of the state of their place.

From a model that has no field for a position, and in words that hold none: no place but the
region's own, no track, no sensor, no speed, no identity. It follows from the place's alert alone,
of which it keeps episode, step, CAP's words, times, level, objects and minutes left; incidents are
for operators. Does not publish it: whether and when is for the region's authority to decide, and
for who delivers it.
"""

from collections.abc import Mapping

from skyfence.contracts.alert import PlaceAlert, PublicAlert, is_abandoned
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.naming import Environment, public_channel
from skyfence.texts.tables import MinutesLeft, PublicKind, PublicTexts, SeveralObjects


def public_alert(
    alert: PlaceAlert, names: Mapping[str, str], texts: PublicTexts
) -> PublicAlert | None:
    """Return what the public hears of a region's state; None for other kinds of places.

    ``names`` are the regions'; one without keeps its identifier.

    The environment is the alert's own, so that an exercise cannot reach an actual channel.
    """
    if alert.place_kind != "region":
        return None
    environment = Environment.ACTUAL if alert.status == "Actual" else Environment.EXERCISE
    kind: PublicKind = "Untracked" if is_abandoned(alert) else alert.response_type
    name = names.get(alert.place, alert.place)
    unseen = " " + texts.unseen.format(region=name) if alert.unseen else ""
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
            headline=_headline(alert, kind, name, texts),
            instruction=texts.instruction[kind] + unseen,
            notify=alert.notify,
        ),
        event=alert.event,
        region=alert.place,
        level=alert.level,
        unseen=alert.unseen,
        objects=alert.objects,
        minutes_left=alert.minutes_left,
    )


def _headline(alert: PlaceAlert, kind: PublicKind, name: str, texts: PublicTexts) -> str:
    """Return the headline of a kind; ``name`` is the region's."""
    return texts.headline[kind].format(
        region=name,
        soon=_soon(alert.minutes_left, texts.minutes),
        several=_several(alert.objects, texts.several),
    )


def _soon(minutes_left: int | None, texts: MinutesLeft) -> str:
    if minutes_left is None:
        return ""
    if minutes_left == 0:
        return texts.under_one
    return texts.one if minutes_left == 1 else texts.other.format(minutes=minutes_left)


def _several(objects: int, texts: SeveralObjects) -> str:
    """Return the number of objects in words; nothing is said of one."""
    if objects <= 1:
        return ""
    named = objects - 2 < len(texts.words)
    return texts.words[objects - 2] if named else texts.other.format(count=objects)
