"""The contracts as JSON Schemas, for clients in any language.

``docs/schemas`` holds what this makes; a test holds the two together.
"""

from typing import Any, Final

from consumers.webhooks.cloud_event import CloudEvent
from skyfence.contracts.alert import AlertMessage, PublicAlert
from skyfence.contracts.base import Contract
from skyfence.contracts.channel_message import (
    Heartbeat,
    NoteMessage,
    OperatorsMessage,
    PublicMessage,
)
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    CommandOutcome,
    Release,
    Withdraw,
)
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import (
    OperatorClosed,
    PartitionWatermark,
    SourceWatermark,
    TrackEvent,
)
from skyfence.incidents.incident import Incident
from skyfence.monitoring.status import SystemStatus

CONTRACTS: Final[dict[str, type[Contract]]] = {
    "report": Report,
    "crossing": Crossing,
    "track-event": TrackEvent,
    "source-clock": SourceWatermark,
    "partition-clock": PartitionWatermark,
    "operator-closed": OperatorClosed,
    "incident": Incident,
    "alert-message": AlertMessage,
    "public-alert": PublicAlert,
    "operators-message": OperatorsMessage,
    "public-message": PublicMessage,
    "note-message": NoteMessage,
    "heartbeat": Heartbeat,
    "command-acknowledge": Acknowledge,
    "command-close": Close,
    "command-release": Release,
    "command-withdraw": Withdraw,
    "outcome": CommandOutcome,
    "webhook": CloudEvent,
    "rejected": Rejected,
    "status": SystemStatus,
}


def schema_of(contract: type[Contract]) -> dict[str, Any]:
    """Return a contract's JSON Schema (draft 2020-12), as it is written."""
    schema = contract.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
