"""What an incident agent does when its state is lost: it ends every chain that stands open.

What was open stands in ``alerts``, where each chain's last message says whether it ended. Each open
one, an incident's or a place's, ends with a Cancel that says that the system lost its state, which
is no all-clear; and a track that goes on opens another incident, with chains of its own. So does
one whose incident had ended: a step of the old chain would be taken for one that was told before.

    alerts that Kafka keeps ──▶ last message of each chain ──▶ Cancels + state to begin with

It comes to the same however often it is begun: a chain that has its Cancel gets no second one.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from skyfence.contracts.alert import Alert, PlaceAlert, alert_id, marked
from skyfence.frames.frame import LIVE_RUN
from skyfence.identity import derive
from skyfence.incidents.repeated_violations import RepeatedViolations
from skyfence.incidents.snapshot import IncidentState, Run, remember_closed
from skyfence.naming import ALLIANCE, Environment
from skyfence.places.place_state import PlaceState
from skyfence.texts.tables import AbandonedTexts

# The last message of each chain, by its incident and channel.
LastMessages = dict[tuple[UUID, str], Alert | PlaceAlert]

# How long the Cancel holds, as that of an incident that ended by itself.
_VALID: Final = timedelta(hours=1)
# A run has as many at most: two confirmed violations within a day make one, a quiet day ends it.
_MOST_SITUATIONS: Final = 10_000


def keep_last(last: LastMessages, alert: Alert | PlaceAlert) -> None:
    """Note a message if it is the last of its chain so far; messages may come in any order."""
    chain = (alert.incident_id, alert.channel)
    if chain not in last or alert.step > last[chain].step:
        last[chain] = alert


def end_open_chains(
    last: LastMessages, environment: Environment, texts: AbandonedTexts, now: datetime
) -> tuple[IncidentState, list[Alert | PlaceAlert]]:
    """Return the state to begin with, and the Cancel of each chain that has not ended.

    ``now`` is the wall clock: a live Cancel counts from
    then, that of a replay from its last message.
    """
    state = IncidentState()
    cancels: list[Alert | PlaceAlert] = []
    for alert in last.values():
        ended = alert.message_type == "Cancel"
        if isinstance(alert, PlaceAlert):
            if not ended:
                cancels.append(_cancel_place(alert, environment, texts, now))
            _number_episodes(state, alert)
            continue
        if not ended:
            cancels.append(_cancel(alert, environment, texts, now))
        if alert.event == "repeated airspace violations":
            _count(state, alert, environment)
        else:
            remember_closed(state, alert.incident_id, None)
    return state, cancels


def _cancel(last: Alert, environment: Environment, texts: AbandonedTexts, now: datetime) -> Alert:
    nothing_known = {
        "incident_state": "closed",
        "ahead": (),
        "minutes_left": None,
        "search_radius_m": None,
        "search_growth_mps": None,
    }
    return last.model_copy(update=_ending(last, environment, texts, now) | nothing_known)


def _cancel_place(
    last: PlaceAlert, environment: Environment, texts: AbandonedTexts, now: datetime
) -> PlaceAlert:
    """Return the Cancel of a place's episode; the level that it had stays, for it is no clear."""
    ending = _ending(last, environment, texts, now)
    nothing_known = {"known": ending["time"], "minutes_left": None, "news": ()}
    return last.model_copy(update=ending | nothing_known)


def _ending(
    last: Alert | PlaceAlert, environment: Environment, texts: AbandonedTexts, now: datetime
) -> dict[str, Any]:
    """Return the fields in which any chain's Cancel differs from its last message."""
    time = max(last.time, now) if last.run == LIVE_RUN else last.time
    step = last.step + 1
    return {
        "alert_id": alert_id(last.incident_id, last.channel, step),
        "step": step,
        "references": last.references_after,
        "message_type": "Cancel",
        "response_type": "Monitor",
        "urgency": "Unknown",
        "certainty": "Unknown",
        "notify": "sound" if isinstance(last, PlaceAlert) else "quiet",
        "time": time,
        "expires": time + _VALID,
        "headline": marked(texts.headline, environment),
        "description": texts.description.format(before=last.description),
        "instruction": texts.instruction,
    }


def _number_episodes(state: IncidentState, alert: PlaceAlert) -> None:
    """Have a place's next episode numbered after this one: its identifier follows from that."""
    places = state.runs.setdefault(alert.run, Run()).places.states
    place = places.setdefault(alert.place, PlaceState(alert.place_kind))
    place.episode = max(place.episode, alert.episode)


def _count(state: IncidentState, alert: Alert, environment: Environment) -> None:
    """Have a run's next situation numbered after this one: its identifier follows from that."""
    run = state.runs.setdefault(alert.run, Run())
    number = 1
    while derive("situation", environment, alert.run, ALLIANCE, number) != alert.incident_id:
        number += 1
        if number > _MOST_SITUATIONS:
            return
    run.situation = RepeatedViolations(number=max(number, run.situation.number))
