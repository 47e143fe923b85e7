"""A short message that stands for one that Kafka would not take: same step, same words of CAP.

Lists are bounded already, so this is for what nobody thought of: ten thousand regions of one's own,
a broker whose limit is far below the default. What people have to do is in it; details are not.
"""

from typing import Final

from skyfence.contracts.alert import Alert, PlaceAlert

# Kafka takes 1 MB by default, key, headers and framing included.
MAX_MESSAGE_BYTES: Final = 900_000
_TEXT_CHARACTERS: Final = 500
_LISTED: Final = 10
_TEXTS: Final = ("headline", "description", "instruction")
_LISTS: Final = ("references", "nations", "regions", "incidents")
# Of incidents' messages alone.
_DETAILS: Final = ("ahead", "other_side", "may_be", "tracks")


def in_short(alert: Alert | PlaceAlert) -> Alert | PlaceAlert:
    """Return a message with its texts cut and its lists short: some 10 kB at most."""
    changes: dict[str, object] = {}
    for name in _TEXTS:
        text: str = getattr(alert, name)
        changes[name] = text if len(text) <= _TEXT_CHARACTERS else text[:_TEXT_CHARACTERS] + "…"
    for name in _LISTS:
        changes[name] = getattr(alert, name)[-_LISTED:]
    if isinstance(alert, Alert):
        changes |= {name: getattr(alert, name)[-_LISTED:] for name in _DETAILS}
    return alert.model_copy(update=changes)
