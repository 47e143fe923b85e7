"""Messages as the agents see them: ours, and typed, whatever Faust hands out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from skyfence.adapters.record_batches import UnreadBatch
from skyfence.contracts.rejected import Reason

# Kafka's record batches: bit 3 of their attributes.
_LOG_APPEND_TIME: Final = 1


@dataclass(frozen=True)
class KafkaMessage:
    """A message that was read from a topic, its key and value as bytes."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    is_broker_time: bool  # the timestamp is the broker's, of its arrival; else its sender's word
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]  # of several with the same name, the last

    @property
    def address(self) -> str:
        """Return where the message stands: its topic, partition and offset."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def unread(self) -> Reason | None:
        """Return why it stands for a batch that could not be read; None if it is a message."""
        return self.value.reason if isinstance(self.value, UnreadBatch) else None


class StoredMessage(Protocol):
    """What the broker answers when it has stored a message."""

    @property
    def offset(self) -> int:
        """Return the message's offset in its partition."""


def from_faust(message: Any) -> KafkaMessage:
    """Return a ``faust.types.Message`` as ours.

    Its timestamp is in seconds (aiokafka's, divided by 1000) and of type 1 where the broker dated
    the message (LogAppendTime); its headers are a list of pairs, a mapping or None.
    """
    return KafkaMessage(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp_ms=round(float(message.timestamp) * 1000),
        is_broker_time=message.timestamp_type == _LOG_APPEND_TIME,
        key=message.key,
        value=message.value,
        headers=dict(message.headers or {}),
    )
