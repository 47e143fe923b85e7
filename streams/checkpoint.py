"""The checkpoint of a partition in Kafka: its state in pieces, and a manifest that names them.

    state ──▶ compressed ──▶ pieces ──▶ <topic>.checkpoint, same partition
                                └▶ manifest (offsets, size, digest) ──▶ same
                                        └▶ commit of the group: offset + "checkpoint 1234"

Pieces and manifest are read only if a commit names them; so a checkpoint that was begun and not
finished, or written by a worker that has lost the partition, is never read. The topic keeps at
least the last 256 MB of a partition (``skyfence.adapters.topics``), so the newest checkpoint is
always there. What a state holds, and when it is saved, is not known here.
"""

import asyncio
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError
from pydantic import ValidationError

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.progress import committed_text
from skyfence.adapters.settings import Settings
from skyfence.adapters.stopping import stop_reading
from skyfence.contracts.base import Contract
from skyfence.errors import InputError
from skyfence.naming import checkpoint_topic
from streams.driver.app import CheckpointingApp
from streams.driver.message import StoredMessage
from streams.log_break import LogBreak, find_break, first_message

log = structlog.get_logger()

# Below the 1 MB that brokers take by default, with room for headers.
_PIECE_BYTES: Final = 900_000
_CODEC: Final = "zstd"
# So much is read with one fetch: a whole checkpoint, unless it is exceptionally large.
_FETCH_BYTES: Final = 64 * 1024 * 1024
_READ_MS: Final = 5_000
# Seldom enough to leave a broker that starts in peace.
_ASK_AGAIN_S: Final = 0.5
_UNREADABLE: Final = (ValueError, ValidationError, KafkaError, InputError)
# The text of a commit that names a checkpoint: this, and the offset of the manifest.
_NAME_PREFIX: Final = "checkpoint "


class Manifest(Contract):
    """What a checkpoint consists of: where its pieces are, and what they hold together."""

    next_offset: int  # of the first message that the state does not cover
    last_ms: int | None = None  # Kafka's timestamp of the message before that
    pieces: tuple[int, ...]  # their offsets in the checkpoint topic
    size: int  # of the state, bytes
    sha256: str  # of the compressed state


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was loaded."""

    state: bytes
    next_offset: int  # of the first message that the state does not cover
    name: str  # as the commit gives it
    last_ms: int | None = None  # Kafka's timestamp of the last message that it covers


class CheckpointStore:
    """Saves and loads the states of one topic's partitions."""

    def __init__(self, app: CheckpointingApp, settings: Settings, topic: str) -> None:
        self._app = app
        self._settings = settings
        self._topic = topic
        self._checkpoint_topic = checkpoint_topic(topic)
        self._output = app.output_topic(self._checkpoint_topic)

    async def save(
        self, partition: int, next_offset: int, last_ms: int | None, state: bytes
    ) -> str | None:
        """Store a state that covers all messages below an offset, then commit both.

        ``last_ms`` is Kafka's timestamp of the last of them, where it is known.
        Everything that follows from those messages must be stored already. Return the checkpoint's
        name, or None if another worker has the partition now; then nothing has changed for it.
        Raise ``KafkaError`` where the broker refused a piece.
        """
        packed, digest = await asyncio.to_thread(_compressed, state)  # 0.2 s for 100,000 tracks
        starts = range(0, max(len(packed), 1), _PIECE_BYTES)
        sends = [await self._send(partition, packed[at : at + _PIECE_BYTES]) for at in starts]
        manifest = Manifest(
            next_offset=next_offset,
            last_ms=last_ms,
            pieces=tuple([(await send).offset for send in sends]),
            size=len(state),
            sha256=digest,
        )
        stored = await (await self._send(partition, manifest.to_json()))
        name = f"{_NAME_PREFIX}{stored.offset}"
        is_ours = await self._app.commit_checkpoint(self._topic, partition, next_offset, name)
        return name if is_ours else None

    async def committed_name(self, partition: int) -> str:
        """Return the text of the group's last commit: a checkpoint's name, or empty."""
        return await committed_text(
            self._settings,
            self._settings.topics.worker_group,
            TopicPartition(self._topic, partition),
        )

    async def covered_by(self, partition: int, name: str) -> int:
        """Return the offset below which a checkpoint covers all.

        0 where the text names none, or one that cannot be read: what to do about that is decided
        when it is loaded.
        """
        if not name.startswith(_NAME_PREFIX):
            return 0
        source = TopicPartition(self._checkpoint_topic, partition)
        async with _Reader(self._settings, source) as reader:
            try:
                return (await _manifest(reader, name)).next_offset
            except _UNREADABLE:
                return 0

    async def load(self, partition: int, name: str) -> Checkpoint | None:
        """Return a checkpoint by the name that a commit gave it.

        None where the text is no checkpoint's name: the group is new, or somebody has set its
        offset by hand. Raise ``InputError`` for a checkpoint that is named and cannot be read.
        """
        if not name.startswith(_NAME_PREFIX):
            return None
        source = TopicPartition(self._checkpoint_topic, partition)
        async with _Reader(self._settings, source) as reader:
            try:
                manifest = await _manifest(reader, name)
                packed = b"".join([await reader.read(offset) for offset in manifest.pieces])
                state = _unpack(packed, manifest)
            except _UNREADABLE as error:
                raise InputError(f"{source.topic}/{partition}: {name}: {error}") from None
        return Checkpoint(state, manifest.next_offset, name, manifest.last_ms)

    async def find_break(
        self, partition: int, covered: int, last_ms: int | None
    ) -> LogBreak | None:
        """Return where the topic's log no longer goes on from what a state covers, if so."""
        return await find_break(
            self._settings, TopicPartition(self._topic, partition), covered, last_ms
        )

    async def first_message(self, partition: int, start: int) -> int | None:
        """Return the offset of the topic's first message from one on, None if there is none."""
        return await first_message(self._settings, TopicPartition(self._topic, partition), start)

    async def _send(self, partition: int, value: bytes) -> Awaitable[StoredMessage]:
        return await self._output.send(key=b"", value=value, partition=partition)


def _compressed(state: bytes) -> tuple[bytes, str]:
    """Return a state compressed, and the digest of that."""
    packed = pa.compress(state, codec=_CODEC, asbytes=True)
    return packed, hashlib.sha256(packed).hexdigest()


def _unpack(packed: bytes, manifest: Manifest) -> bytes:
    """Return the state; raise ``InputError`` unless digest and size are the manifest's.

    The size is compared only after unpacking: a wrong one must not decide how much memory is taken.
    """
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
    """Reads messages of one partition by their offsets; connect with ``async with``."""

    def __init__(self, settings: Settings, partition: TopicPartition) -> None:
        self._partition = partition
        self._consumer = AIOKafkaConsumer(
            **kafka_options(settings),
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        self._values: dict[int, bytes] = {}  # of the last fetch, by offset

    async def __aenter__(self) -> "_Reader":
        await self._consumer.start()
        self._consumer.assign([self._partition])
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_reading(self._consumer)

    async def read(self, offset: int) -> bytes:
        """Return the value at an offset; raise ``InputError`` where no message is there.

        A fetch that brings nothing says nothing by itself: its broker may be away. Only where Kafka
        says that the log ends before the offset, or hands out what comes after it, is it lost.
        """
        while offset not in self._values:
            self._consumer.seek(self._partition, offset)
            fetched = await self._consumer.getmany(self._partition, timeout_ms=_READ_MS)
            self._values = {
                record.offset: record.value for records in fetched.values() for record in records
            }
            if offset not in self._values and (self._values or await self._end() <= offset):
                raise InputError(f"no message at offset {offset}")
        return self._values[offset]

    async def _end(self) -> int:
        """Return the offset of the log's end, as soon as Kafka answers."""
        while True:
            try:
                return int((await self._consumer.end_offsets([self._partition]))[self._partition])
            except KafkaError as error:
                if not (error.retriable or isinstance(error, KafkaTimeoutError)):
                    raise
                log.warning("checkpoint.unanswered", reason=repr(error))
            await asyncio.sleep(_ASK_AGAIN_S)


async def _manifest(reader: _Reader, name: str) -> Manifest:
    """Return the manifest of a checkpoint; raise what reading and parsing raise."""
    offset = int(name.removeprefix(_NAME_PREFIX))
    return Manifest.model_validate_json(await reader.read(offset))
