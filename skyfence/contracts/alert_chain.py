"""What all messages of alert chains have in common, made in one place.

    chain id, channel, step ──▶ alert_id, references ──┐
    environment ──▶ status, mark of exercises ─────────┼──▶ ChainFields ──▶ Alert, PublicAlert,
    CapWords, words, times ────────────────────────────┘                    FeedAlarm

Incidents, repeated violations, silent sources and the public's texts make their messages of it,
each with fields of its own beside these. It decides nothing: which words of CAP and of people a
message has is its maker's to say.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypedDict
from uuid import UUID

from skyfence.contracts.alert import (
    MOST_REFERENCES,
    AlertStatus,
    Certainty,
    MessageType,
    Notify,
    ResponseType,
    Severity,
    Urgency,
    alert_id,
    marked,
    status_of,
)
from skyfence.naming import Environment


@dataclass(frozen=True, kw_only=True)
class CapWords:
    """The words of the Common Alerting Protocol 1.2 that a message is filtered and ranked by."""

    message_type: MessageType
    response_type: ResponseType
    urgency: Urgency
    severity: Severity
    certainty: Certainty


# Of a chain that ends because the danger is over.
ALL_CLEAR_WORDS: Final = CapWords(
    message_type="Cancel",
    response_type="AllClear",
    urgency="Past",
    severity="Minor",
    certainty="Observed",
)


class ChainFields(TypedDict):
    """The fields that every message of a chain has, whatever its model."""

    alert_id: UUID
    incident_id: UUID
    channel: str
    step: int
    references: tuple[UUID, ...]
    status: AlertStatus
    message_type: MessageType
    response_type: ResponseType
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    time: datetime
    expires: datetime
    notify: Notify
    headline: str
    instruction: str


def chain_fields(
    *,
    environment: Environment,
    chain_id: UUID,
    channel: str,
    step: int,
    cap: CapWords,
    time: datetime,
    expires: datetime,
    headline: str,
    instruction: str,
    notify: Notify = "quiet",
) -> ChainFields:
    """Return the common fields of one step of a chain.

    ``chain_id`` identifies what the chain is about: an incident, repeated violations, a silence.
    ``step`` counts from 1; the message refers to the latest earlier steps (``MOST_REFERENCES``).
    ``channel`` is one of the same environment. ``time`` is when the fact stood, ``expires`` until
    when the message holds. ``headline`` comes without the mark of exercises, which is put before it
    here. ``notify`` says whether the message asks somebody to act.
    """
    return ChainFields(
        alert_id=alert_id(chain_id, channel, step),
        incident_id=chain_id,
        channel=channel,
        step=step,
        references=tuple(
            alert_id(chain_id, channel, earlier)
            for earlier in range(max(1, step - MOST_REFERENCES), step)
        ),
        status=status_of(environment),
        message_type=cap.message_type,
        response_type=cap.response_type,
        urgency=cap.urgency,
        severity=cap.severity,
        certainty=cap.certainty,
        time=time,
        expires=expires,
        notify=notify,
        headline=marked(headline, environment),
        instruction=instruction,
    )
