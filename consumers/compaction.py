"""What a sink's log holds when the sink begins, reduced to what stands at its end.

    messages ──▶ newest of each chain ──▶ Standing

A sink that begins, for the first time or after an outage, tells people what is true now, not what
was true when they could not be told. So the relay reads to the end that the log had at the start
and hands over the newest message of each chain alone. A chain is a place over all its episodes, an
incident on one channel, or a silence at one place. Kafka's own compaction knows no episodes and
keeps all incidents. Does no I/O.
"""

from consumers.sink import Standing
from skyfence.contracts.alert import AlertMessage, AnyAlert, PlaceAlert


class Compaction:
    """The newest message of each chain in what was read so far; ``count`` messages were read."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], Standing] = {}
        self.count = 0

    def add(self, message: AlertMessage) -> None:
        """Take the next message of the log."""
        self.count += 1
        alert = message.alert
        chain = _chain(alert)
        before = self._standing.get(chain)
        if before is None:
            self._standing[chain] = Standing(message=message, incidents=(alert.incident_id,))
        elif _is_newer(alert, before.message.alert):
            del self._standing[chain]  # so that its place is that of its newest message
            self._standing[chain] = _followed(before, message)

    def standing(self) -> list[Standing]:
        """Return what stands, in the order of the log."""
        return list(self._standing.values())


def _chain(alert: AnyAlert) -> tuple[str, str]:
    of = alert.run if isinstance(alert, PlaceAlert) else str(alert.incident_id)
    return alert.channel, of


def _is_newer(alert: AnyAlert, before: AnyAlert) -> bool:
    """Tell whether an alert goes on from one of its chain; what was repeated does not.

    An episode is known by its number, unless episodes are counted anew: after lost state an
    earlier number goes on, later in time.
    """
    if alert.incident_id == before.incident_id:
        return alert.step > before.step
    if isinstance(alert, PlaceAlert) and isinstance(before, PlaceAlert):
        is_counted_anew = alert.message_type != "Cancel" and alert.time > before.time
        return alert.episode > before.episode or is_counted_anew
    return True


def _followed(before: Standing, message: AlertMessage) -> Standing:
    """Return what stands after the next message of a chain.

    It sounds if one of the messages of its episode sounded: those are not sent.
    """
    alert, last = message.alert, before.message.alert
    goes_on = alert.incident_id == last.incident_id and alert.message_type != "Cancel"
    if goes_on and last.notify == "sound":
        message = message.model_copy(update={"alert": alert.model_copy(update={"notify": "sound"})})
    incidents = tuple(dict.fromkeys((*before.incidents, alert.incident_id)))
    return Standing(message=message, incidents=incidents)
