"""The contracts as JSON Schemas, for clients in any language.

``docs/schemas`` holds what this makes; a test holds the two together. Each schema's ``$id`` is a
URN with a version, ``urn:skyfence:schema:NAME:VERSION``; docs/upgrades.md says what a change asks
for, and a test compares each schema with that of the last release.
"""

from typing import Any, Final

from consumers.webhooks.cloud_event import CloudEvent
from skyfence.contracts.alert import AlertMessage, PlaceAlert, PublicAlert
from skyfence.contracts.base import Contract
from skyfence.contracts.channel_message import (
    Heartbeat,
    NoteMessage,
    OperatorsMessage,
    PublicMessage,
)
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.judging import JudgedPartitions, JudgedUntil
from skyfence.contracts.operator_command import (
    Acknowledge,
    AuditRecord,
    Close,
    CommandOutcome,
    Dismiss,
    Join,
    Release,
    Separate,
    Withdraw,
)
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import (
    Coverage,
    OperatorClosed,
    OperatorJoined,
    OperatorSeparated,
    PartitionWatermark,
    SourceMistimed,
    SourceWatermark,
    TrackEvent,
    ZoneVisit,
)
from skyfence.incidents.incident import Incident
from skyfence.monitoring.status import SystemStatus

CONTRACTS: Final[dict[str, type[Contract]]] = {
    "report": Report,
    "crossing": Crossing,
    "track-event": TrackEvent,
    "zone-visit": ZoneVisit,
    "source-clock": SourceWatermark,
    "source-mistimed": SourceMistimed,
    "partition-clock": PartitionWatermark,
    "operator-closed": OperatorClosed,
    "operator-joined": OperatorJoined,
    "operator-separated": OperatorSeparated,
    "coverage": Coverage,
    "judged-partitions": JudgedPartitions,
    "judged-until": JudgedUntil,
    "incident": Incident,
    "alert-message": AlertMessage,
    "place-alert": PlaceAlert,
    "public-alert": PublicAlert,
    "operators-message": OperatorsMessage,
    "public-message": PublicMessage,
    "note-message": NoteMessage,
    "heartbeat": Heartbeat,
    "command-acknowledge": Acknowledge,
    "command-close": Close,
    "command-dismiss": Dismiss,
    "command-join": Join,
    "command-separate": Separate,
    "command-release": Release,
    "command-withdraw": Withdraw,
    "outcome": CommandOutcome,
    "audit": AuditRecord,
    "webhook": CloudEvent,
    "rejected": Rejected,
    "status": SystemStatus,
}
# Counts up where a change of a contract is more than a new field that may be left out; 1 elsewhere.
_VERSIONS: Final[dict[str, int]] = {
    "alert-message": 2,  # a place's alert
    "note-message": 2,  # operators' decisions about incidents
    "operators-message": 2,  # a place's alert
    "public-alert": 2,  # of a place's episode
    "public-message": 2,  # of a place's episode
    "rejected": 2,  # lost, limit, signature
    "status": 2,  # a source whose clock is wrong
    "track-event": 2,  # searched
    "webhook": 3,  # places have event types of their own
}


def schema_id(name: str) -> str:
    """Return the URN of a contract's schema.

    >>> schema_id("alert-message")
    'urn:skyfence:schema:alert-message:2'
    """
    return f"urn:skyfence:schema:{name}:{_VERSIONS.get(name, 1)}"


def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a contract's written form."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_id(name),
        **CONTRACTS[name].model_json_schema(mode="serialization"),
    }
