"""The publisher: packs a source's items into frames and sends them to ``tracks``.

Guarantee: at least once. A frame waits at most 20 ms for company, and ``publish`` returns only when
the brokers have stored every frame (acks=all). A frame that is sent twice after a lost answer is
known to the track agent for what it is. What a source sends is signed where the folder of keys
has one of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Self

from aiokafka.errors import KafkaError

from producers.source import Source
from skyfence.adapters import metrics
from skyfence.adapters.kafka import producer, why_away
from skyfence.adapters.settings import Settings
from skyfence.adapters.signing_keys import own_key
from skyfence.errors import UnavailableError
from skyfence.frames import signature
from skyfence.frames.codec import encode_frame
from skyfence.frames.frame import Frame
from skyfence.frames.packing import Packer, SourceItem

# The most a report may wait for others: a person does not notice, and at 25,000 reports/s it fills
# a frame.
LONGEST_WAIT_S: Final = 0.02


class Publisher:
    """Publishes one run to the environment of the settings; connect with ``async with``."""

    def __init__(self, settings: Settings, run: str) -> None:
        self._bootstrap = settings.kafka.bootstrap
        self._topic = settings.topics.tracks
        # Kafka mixes the sources anyway, and few large messages cost it less than many small ones.
        self._packer = Packer(run, by_source=True)
        self._settings = settings
        self._producer = producer(settings)
        self._signing_keys: dict[str, bytes | None] = {}
        self.frames = 0

    async def __aenter__(self) -> Self:
        """Connect; raise what ``why_away`` finds where no broker lets us in."""
        try:
            await self._producer.start()
        except BaseException as error:
            await self._producer.stop()
            if not isinstance(error, KafkaError):
                raise
            raise await why_away(self._settings, error) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def publish(
        self, source: Source, sent: Callable[[Sequence[SourceItem]], None] = lambda _: None
    ) -> None:
        """Publish a source to its end; ``sent`` hears of each batch that was taken over."""
        loop = asyncio.get_running_loop()
        batches = source.batches()
        coming = asyncio.ensure_future(_next(batches))
        flush_at: float | None = None
        try:
            while True:
                wait_s = None if flush_at is None else max(0.0, flush_at - loop.time())
                await asyncio.wait({coming}, timeout=wait_s)
                if flush_at is not None and loop.time() >= flush_at:
                    await self._send(self._packer.flush())
                    flush_at = None
                if not coming.done():
                    continue
                batch = coming.result()
                if batch is None:
                    break
                flush_at = flush_at or loop.time() + LONGEST_WAIT_S
                await self._send([frame for item in batch for frame in self._packer.add(item)])
                sent(batch)
                coming = asyncio.ensure_future(_next(batches))
        finally:
            coming.cancel()
        await self._send(self._packer.flush())

    async def _send(self, frames: Sequence[Frame]) -> None:
        """Send frames and wait until the brokers have them."""
        try:
            acknowledged = [await self._hand_over(frame) for frame in frames]
            await asyncio.gather(*acknowledged)
        except KafkaError as error:
            raise UnavailableError(
                f"kafka at {self._bootstrap} took no more frames: {error}"
            ) from None
        self.frames += len(frames)
        for frame in frames:
            metrics.published(frame)

    async def _hand_over(self, frame: Frame) -> asyncio.Future[object]:
        key, value, headers = encode_frame(frame)
        signing_key = self._signing_key(frame.source)
        if signing_key is not None:
            made = signature.sign(signing_key, self._topic, key, value, dict(headers))
            headers.append((signature.HEADER, made))
        future: asyncio.Future[object] = await self._producer.send(
            self._topic, value, key=key, headers=headers
        )
        return future

    def _signing_key(self, source: str) -> bytes | None:
        """Return the key that a source signs with, if it has one; read once."""
        if source not in self._signing_keys:
            self._signing_keys[source] = own_key(self._settings.signing_keys, source)
        return self._signing_keys[source]


async def _next(batches: AsyncIterator[Sequence[SourceItem]]) -> Sequence[SourceItem] | None:
    return await anext(batches, None)
