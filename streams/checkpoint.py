"""The checkpoint of a partition in Kafka: its state in pieces, and a manifest that names them.

    state ──▶ compressed ──▶ pieces ──▶ <topic>.checkpoint, same partition
                                └▶ manifest (offsets, size, digest) ──▶ same
                                        └▶ commit of the group: offset + "checkpoint 1234"

Pieces and manifest count for nothing until a commit names them, so one that was begun and not
finished, or written by a worker that has lost the partition, is never read. The topic keeps the
last 256 MB of a partition and no less (``skyfence.adapters.topics``), so the newest checkpoint is
always there.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.contracts.base import Contract
from skyfence.errors import InputError
from skyfence.naming import checkpoint_topic
from streams.driver.consumer import CheckpointConsumer, CheckpointingApp
from streams.sends import raw_topic

log = structlog.get_logger()

# Below the 1 MB that brokers take by default, with room for headers.
_PIECE_BYTES: Final = 900_000
_CODEC: Final = "zstd"
# What is read ahead of a checkpoint at once.
_FETCH_BYTES: Final = 64 * 1024 * 1024
_READ_MS: Final = 5_000
_WORD: Final = "checkpoint "  # begins the text of a commit


class Manifest(Contract):
    """What a checkpoint consists of: the pieces' offsets, and their bytes together."""

    next_offset: int
    pieces: tuple[int, ...]
    size: int  # of the state
    sha256: str  # of the compressed state


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was found: the state, the first offset beyond it, and its name."""

    state: bytes
    next_offset: int
    name: str


class CheckpointStore:
    """Keeps the states of one topic's partitions."""

    def __init__(self, app: CheckpointingApp, settings: Settings, topic: str) -> None:
        self._app = app
        self._settings = settings
        self._topic = topic
        self._pieces = checkpoint_topic(topic)
        self._sender = raw_topic(app, self._pieces)

    async def save(self, partition: int, next_offset: int, state: bytes) -> str | None:
        """Store a state and commit it; return its name, or None if the partition is lost."""
        packed = pa.compress(state, codec=_CODEC, asbytes=True)
        starts = range(0, max(len(packed), 1), _PIECE_BYTES)
        sent = [await self._send(partition, packed[at : at + _PIECE_BYTES]) for at in starts]
        manifest = Manifest(
            next_offset=next_offset,
            pieces=tuple([(await one).offset for one in sent]),
            size=len(state),
            sha256=hashlib.sha256(packed).hexdigest(),
        )
        stored = await (await self._send(partition, manifest.to_json()))
        name = f"{_WORD}{stored.offset}"
        kept = await self._consumer.commit_checkpoint(self._topic, partition, next_offset, name)
        return name if kept else None

    async def named(self, partition: int) -> str:
        """Return what the group's last commit names, or nothing."""
        return await self._consumer.committed_checkpoint(self._topic, partition)

    async def load(self, partition: int, name: str) -> Saved | None:
        """Return a checkpoint by the name that a commit gave it.

        None where that is no checkpoint's: the topic is new, or somebody has set the offset by
        hand. A checkpoint that is named but cannot be read raises ``InputError``.
        """
        if not name.startswith(_WORD):
            return None
        async with _Reader(self._settings, TopicPartition(self._pieces, partition)) as reader:
            try:
                manifest = Manifest.model_validate_json(
                    await reader.read(int(name.removeprefix(_WORD)))
                )
                packed = b"".join([await reader.read(at) for at in manifest.pieces])
                state = _unpacked(packed, manifest)
            except (ValueError, ValidationError, KafkaError, InputError) as error:
                raise InputError(f"{self._pieces}/{partition}: {name}: {error}") from None
        return Saved(state, manifest.next_offset, name)

    async def _send(self, partition: int, value: bytes) -> Any:
        return await self._sender.send(key=b"", value=value, partition=partition)

    @property
    def _consumer(self) -> CheckpointConsumer:
        consumer: CheckpointConsumer = self._app.consumer
        return consumer


def _unpacked(packed: bytes, manifest: Manifest) -> bytes:
    """Return the state that the pieces hold; the manifest's word for its size is not trusted."""
    if hashlib.sha256(packed).hexdigest() != manifest.sha256:
        raise InputError("its pieces are not whole")
    try:
        with pa.CompressedInputStream(pa.BufferReader(packed), _CODEC) as stream:
            state: bytes = stream.read()
    except OSError as error:
        raise InputError(f"its pieces cannot be unpacked: {error}") from None
    if len(state) != manifest.size:
        raise InputError(f"it holds {len(state)} bytes, not {manifest.size}")
    return state


class _Reader:
    """Reads single messages of one partition by their offsets."""

    def __init__(self, settings: Settings, partition: TopicPartition) -> None:
        self._partition = partition
        self._consumer = AIOKafkaConsumer(
            **kafka_options(settings),
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        self._read: dict[int, bytes] = {}

    async def __aenter__(self) -> "_Reader":
        await self._consumer.start()
        self._consumer.assign([self._partition])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def read(self, offset: int) -> bytes:
        """Return the value at an offset; raise ``InputError`` where there is none any more."""
        if offset not in self._read:
            self._consumer.seek(self._partition, offset)
            found = await self._consumer.getmany(self._partition, timeout_ms=_READ_MS)
            self._read = {one.offset: one.value for ones in found.values() for one in ones}
        if offset not in self._read:
            raise InputError(f"no message at offset {offset}")
        return self._read[offset]
