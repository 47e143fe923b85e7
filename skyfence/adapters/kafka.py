"""Connections to Kafka that all edges need: a producer, an admin client, and why neither connects.

Topics are in ``topics``, how far a group has come in ``progress``. Consumers are the edges' own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.errors import SkyfenceError, UnavailableError, UsageError

# A broker says within this time whether it lets us in.
_ASK_WHY_S: Final = 5.0
# As noida-db 0.2.3 names every cluster; Apache Kafka draws a name for each.
_EMBEDDED_CLUSTER: Final = "MkU3OEVBNTctOEUyRi00"
# These do not mend themselves; trying again only fills the broker's log.
_REFUSALS: Final = (
    AuthenticationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

# As aiokafka takes them: names and values.
Headers = Sequence[tuple[str, bytes]]


def producer(settings: Settings) -> AIOKafkaProducer:
    """Return a producer whose messages are stored by all copies, once each and in order."""
    return AIOKafkaProducer(acks="all", enable_idempotence=True, **kafka_options(settings))


class LastingProducer:
    """Sends one message at a time, also after one was lost; it connects for the first.

    aiokafka 0.14 numbers a message for a partition before it gives it up because the partition has
    had no leader for long. Brokers refuse all that the same producer numbers after that, so another
    one takes its place. ``make`` returns a producer that has not begun.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._producer: AIOKafkaProducer | None = None

    async def send(self, topic: str, value: bytes, key: bytes, headers: Headers = ()) -> None:
        """Return when a message is stored; raise ``KafkaError`` where it is not, or may not be."""
        try:
            if self._producer is None:
                self._producer = self._make()
                await self._producer.start()
            await self._producer.send_and_wait(topic, value, key=key, headers=headers)
        except KafkaError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect to the brokers; raise the error that ``why_away`` returns where none lets us in."""
    admin = AIOKafkaAdminClient(client_id="skyfence-admin", **kafka_options(settings))
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise await why_away(settings, error) from None
    try:
        yield admin
    finally:
        await admin.close()


async def is_embedded(admin: AIOKafkaAdminClient) -> bool:
    """Tell whether the brokers are the embedded one, which forgets when it is killed.

    It stores in one file, which it writes anew as a whole and after it has acknowledged.
    """
    return bool((await admin.describe_cluster())["cluster_id"] == _EMBEDDED_CLUSTER)


def embedded_is_no_place(settings: Settings) -> UsageError:
    """Return the error for the actual world on the embedded broker."""
    variable = settings.kafka.variable("bootstrap")
    return UsageError(
        "the embedded kafka is for exercises and for trying out, because it loses what it "
        f"acknowledged when it is killed: for actual tracks set {variable} to another kafka "
        "(docs/deployment.md)"
    )


async def why_away(settings: Settings, error: KafkaError) -> SkyfenceError:
    """Return an error that says why the brokers cannot be reached.

    It is a ``UsageError`` where the first broker refuses our login, else an ``UnavailableError``.
    aiokafka does not say why it could not connect, so that broker is asked once more.
    """
    options = kafka_options(settings)
    host, _, port = options.pop("bootstrap_servers").split(",")[0].rpartition(":")
    brokers, reason = f"kafka at {settings.kafka.bootstrap}", error
    try:
        async with asyncio.timeout(_ASK_WHY_S):
            (await create_conn(host, int(port), **options)).close()
    except _REFUSALS as refusal:
        return UsageError(f"{brokers} refused {user_name(settings)}: {refusal}")
    except (OSError, KafkaError, TimeoutError) as second_error:
        reason = second_error
    return UnavailableError(f"{brokers} cannot be reached: {reason}")


def user_name(settings: Settings) -> str:
    """Return as whom the settings log in to the brokers, in words for an error message."""
    if settings.kafka.user is not None:
        return f"user {settings.kafka.user}"
    certificate = settings.kafka.certificate_file
    return "a user without a name" if certificate is None else f"the user of {certificate}"
