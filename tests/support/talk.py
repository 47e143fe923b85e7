"""How the integration tests speak with the pipeline: plain clients, as a user's would be."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from repository import GOLDEN

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.cli.places import ALL, channels_of
from skyfence.client.feed import AlertFeed, Connected, Received
from skyfence.contracts.alert import Alert, PlaceAlert, parse_alert
from skyfence.contracts.channel_message import OperatorsMessage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONGEST_S = 120.0  # only ever reached when something is broken; a worker once took over 60 s


def report(
    track_id: str, seconds: float, lon: float, lat: float = 50.5, **more: Any
) -> dict[str, Any]:
    """Return a report as a user would write it; longitude 22 is the border from XX into AA."""
    time = (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    place = {"time": time, "source": "radar", "track_id": track_id, "lat": lat, "lon": lon}
    return place | more


def entry(track_id: str, seconds: float = 0.0) -> list[dict[str, Any]]:
    """Return two reports between which a track enters AA from XX over the south."""
    return [report(track_id, seconds, 22.01), report(track_id, seconds + 4, 21.99)]


def golden(recording: str) -> list[Alert]:
    """Return incidents' alerts that a recording must lead to (replayed as a run of its name)."""
    messages = map(parse_alert, (GOLDEN / recording).read_bytes().splitlines())
    return [message for message in messages if isinstance(message, Alert)]


async def drained(settings: Settings) -> None:
    """Wait until everything sent has come out at the end."""
    async with asyncio.timeout(LONGEST_S), GroupProgress(settings) as progress:
        await progress.drained()


async def send(
    settings: Settings, *values: bytes, key: bytes | None = b"radar", **headers: str
) -> None:
    """Send messages to ``tracks`` as any Kafka client would."""
    producer = AIOKafkaProducer(**kafka_options(settings))
    await producer.start()
    try:
        pairs = [(name.replace("_", "-"), value.encode()) for name, value in headers.items()]
        for value in values:
            await producer.send_and_wait(settings.topics.tracks, value, key=key, headers=pairs)
    finally:
        await producer.stop()


async def stored(settings: Settings, topic: str, count: int) -> list[dict[str, Any]]:
    """Return the first messages of a topic, all partitions, once there are so many."""
    consumer = AIOKafkaConsumer(**kafka_options(settings))
    partitions = range(settings.topics.partitions(settings.track_partitions)[topic])
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in partitions])
        await consumer.seek_to_beginning()
        async with asyncio.timeout(LONGEST_S):
            return [json.loads((await consumer.getone()).value) for _ in range(count)]
    finally:
        await consumer.stop()


class Subscriber:
    """Collects what a real subscriber of all operators' channels receives since it came."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.messages: list[OperatorsMessage] = []
        self._heard = asyncio.Event()
        self._connected = False

    async def __aenter__(self) -> "Subscriber":
        self._feed = AlertFeed(self._settings, channels_of(self._settings, [ALL]))
        await self._feed.__aenter__()
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await self._feed.__aexit__()

    async def _listen(self) -> None:
        async for event in self._feed:
            self._connected = self._connected or isinstance(event, Connected)
            if (
                self._connected
                and isinstance(event, Received)
                and isinstance(event.message, OperatorsMessage)
            ):
                self.messages.append(event.message)
                self._heard.set()

    async def first(self) -> None:
        """Wait until anything was received."""
        await self._heard.wait()

    async def settle(self) -> None:
        """Wait until all that was published before is here."""
        await self._feed.settle()

    def alerts(self) -> list[Alert]:
        """Return the incidents' alerts in order of arrival."""
        return [m.alert for m in self.messages if isinstance(m.alert, Alert)]

    def states(self) -> list[PlaceAlert]:
        """Return the states of places in order of arrival."""
        return [m.alert for m in self.messages if isinstance(m.alert, PlaceAlert)]

    def told(self) -> Sequence[tuple[str, int, str]]:
        """Return (place, step, message type) in order of arrival."""
        return [(m.alert.place, m.alert.step, m.alert.message_type) for m in self.messages]
