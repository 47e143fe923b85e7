"""A record of the topic ``alerts`` as a message for a sink: the alert, and its way so far."""

import time
from typing import Any

from skyfence.contracts.alert import AlertMessage, Timeline, parse_alert
from skyfence.times import from_ms, header_number


def read_alert(record: Any) -> AlertMessage:
    """Return the message that a record holds, delivered now; raise ``ValidationError``."""
    return AlertMessage(alert=parse_alert(record.value or b""), timeline=_timeline(record))


def _timeline(record: Any) -> Timeline:
    headers = dict(record.headers)
    known = {
        name: from_ms(at_ms)
        for name in ("observed", "published", "decided")
        if (at_ms := header_number(headers.get(name))) is not None
    }
    return Timeline(**known, delivered=from_ms(round(time.time() * 1000)))
