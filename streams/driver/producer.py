"""How Faust reaches Kafka: the settings' login and certificates, and a producer that is idempotent.

Faust itself makes its producer idempotent only inside transactions (``exactly_once``), which stall.
Idempotence holds within one life of a producer: a worker that was started anew may send again what
its predecessor had sent, and the readers know that by identifiers and steps.
"""

from collections.abc import Mapping
from typing import Any

from faust import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import Producer

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings


class IdempotentProducer(Producer):  # type: ignore[misc]  # Faust has no types
    """Faust's producer; what it tries again after a lost answer is stored once and in order."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


def credentials(settings: Settings) -> Any:
    """Return Faust's form of ``kafka_options``, None for a broker that asks for nothing."""
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
