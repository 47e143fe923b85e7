"""How messages reach Kafka: through Faust's producer, made idempotent, as plain bytes.

Faust itself makes its producer idempotent only inside transactions (``exactly_once``), which stall.
Idempotence holds within the life of one producer: a worker that was restarted may send again what
its predecessor had sent, and the readers know such a message by its identifier and step.
"""

from collections.abc import Awaitable, Mapping
from typing import Any

from faust import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import Producer

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from streams.driver.message import StoredMessage


class IdempotentProducer(Producer):  # type: ignore[misc]  # mypy does not follow into Faust
    """Faust's producer; a message that it sends again after a lost answer is stored once."""

    def _settings_extra(self) -> Mapping[str, Any]:
        # Private in faust-streaming 0.15.3, which has no public setting for idempotence. Its
        # ThreadedProducer would read the same method.
        return {"acks": "all", "enable_idempotence": True}


class OutputTopic:
    """A topic to send bytes to: Faust serializes nothing and knows nothing of the contracts."""

    def __init__(self, topic: Any) -> None:
        self._topic = topic  # a faust.Topic whose serializers are "raw"

    async def send(
        self,
        *,
        key: bytes,
        value: bytes,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> Awaitable[StoredMessage]:
        """Hand a message to the producer; awaiting the result is the broker's acknowledgement.

        Without a partition the key decides (murmur2). The result raises ``KafkaError`` where the
        broker refused the message.
        """
        sent: Awaitable[StoredMessage] = await self._topic.send(
            key=key,
            value=value,
            partition=partition,
            headers=None if headers is None else dict(headers),
        )
        return sent


def credentials(settings: Settings) -> Any:
    """Return ``kafka_options`` as Faust's credentials; None where the broker asks for no login."""
    options = kafka_options(settings)
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)
