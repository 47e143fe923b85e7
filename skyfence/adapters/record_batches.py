"""Reads Kafka's record batches with a bound on what they unpack to, for every consumer.

aiokafka unpacks a compressed batch whole before its first message can be looked at, and has no
limit: 0.9 MB may become 900 MB, which ends a process whose memory is limited, again after each
restart. What a batch makes aiokafka raise (a codec it lacks, a header's name that is no UTF-8) it
raises at every fetch, for ever. Here such a batch is left out: one message without content stands
for it, at its last offset, and tells why. Who judges messages rejects that one and goes on.

    fetch ──▶ batch ──▶ bounded decoder ──▶ its messages
                 └──── cannot be read ────▶ UnreadBatch, in the place of what is left of it

It patches private names of aiokafka 0.12 to 0.14: a consumer has no setting for a decoder. pyarrow
decodes all of Kafka's codecs, so that none needs a library of its own.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import aiokafka.codec
import pyarrow as pa
import structlog
from aiokafka.consumer import fetcher

from skyfence.adapters import metrics
from skyfence.contracts.rejected import Reason, ReasonClass

log = structlog.get_logger()

# Thirty-two of the largest messages that a broker takes by default. The clients' own batches are
# far smaller unpacked: 16 kB with Java's defaults, 1 MB with librdkafka's.
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
# Twice as many messages as librdkafka puts into a batch. A million of seven bytes each would cost
# 300 MB as objects, and a rejected record each.
MAX_MESSAGES: Final = 20_000
_READ_BYTES: Final = 1024 * 1024
# The framing that Java's snappy library puts around blocks: a magic word, two version numbers.
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES: Final = 16
# Those that import the decoders by name: aiokafka's own, and those that are compiled from them, if
# it was installed with them.
_MODULES: Final = (
    "aiokafka.record.default_records",
    "aiokafka.record.legacy_records",
    "aiokafka.record._crecords.default_records",
    "aiokafka.record._crecords.legacy_records",
)
_UNPACK_RECORDS: Final = fetcher.PartitionRecords._unpack_records


class BatchTooLargeError(Exception):
    """A batch of more messages, or one that unpacks to more bytes, than any client sends."""


class UnreadBatch(bytes):
    """The value of the message that stands for a batch that could not be read: empty.

    No sender can make one, whatever it sends.
    """

    reason: Reason

    def __new__(cls, reason: Reason) -> "UnreadBatch":
        """Return an empty value with the reason."""
        value = super().__new__(cls)
        value.reason = reason
        return value


@dataclass(frozen=True)
class _StandIn:
    """A record as aiokafka's: the one that stands for an unread batch."""

    offset: int
    timestamp: int
    value: UnreadBatch
    timestamp_type: int = 0
    key: None = None
    checksum: None = None
    headers: tuple[()] = ()


def bound_batches() -> None:
    """Have all consumers of this process read batches so; a second call changes nothing."""
    for codec in ("gzip", "lz4", "zstd"):
        _replace(f"{codec}_decode", _stream_decoder(codec))
        setattr(aiokafka.codec, f"has_{codec}", lambda: True)
    _replace("snappy_decode", decode_snappy)
    aiokafka.codec.has_snappy = lambda: True
    fetcher.PartitionRecords._unpack_records = _unpack_records


def _replace(name: str, decoder: Callable[[Any], bytes]) -> None:
    for path in _MODULES:
        with suppress(ImportError):
            module = import_module(path)
            if hasattr(module, name):  # the oldest format knows no zstd
                setattr(module, name, decoder)


def _stream_decoder(codec: str) -> Callable[[Any], bytes]:
    """Return a decoder that raises ``BatchTooLargeError`` before it has unpacked too much."""

    def decode(payload: Any) -> bytes:
        chunks, size = [], 0
        with pa.CompressedInputStream(pa.BufferReader(payload), codec) as stream:
            while chunk := stream.read(_READ_BYTES):
                chunks.append(chunk)
                size += len(chunk)
                _check_size(size)
        return b"".join(chunks)

    return decode


def decode_snappy(payload: bytes) -> bytes:
    """Unpack a snappy block, or Java's sequence of blocks; raise ``BatchTooLargeError``.

    A block begins with its unpacked size, which is looked at first.
    """
    view = memoryview(payload)
    if not payload.startswith(_XERIAL_MAGIC):
        return _decode_snappy_block(view, 0)
    blocks, size, at = [], 0, _XERIAL_HEADER_BYTES
    while at < len(view):
        (packed_bytes,) = struct.unpack_from(">i", view, at)
        if packed_bytes <= 0:
            raise ValueError(f"a snappy block of {packed_bytes} bytes")
        at += 4
        blocks.append(_decode_snappy_block(view[at : at + packed_bytes], size))
        size += len(blocks[-1])
        at += packed_bytes
    return b"".join(blocks)


def _decode_snappy_block(block: memoryview, already: int) -> bytes:
    size = shift = 0
    for byte in block[:5]:  # a number of 32 bits, seven in each byte, the lowest first
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # the highest bit says that another byte follows
            break
    _check_size(already + size)
    return bytes(pa.decompress(block, decompressed_size=size, codec="snappy", asbytes=True))


def _check_size(size: int) -> None:
    if size > MAX_UNPACKED_BYTES:
        raise BatchTooLargeError(f"unpacks to more than {MAX_UNPACKED_BYTES} bytes")


class _Batches:
    """The batches of one fetch, as aiokafka's ``MemoryRecords`` hands them out."""

    def __init__(self, batches: Any, partition: Any) -> None:
        self._batches = batches
        self._partition = partition

    def has_next(self) -> bool:
        """Tell whether another batch follows."""
        return bool(self._batches.has_next())

    def next_batch(self) -> "_Batch":
        """Return the next one."""
        return _Batch(self._batches.next_batch(), self._partition)


class _Batch:
    """A batch as aiokafka's, which yields a stand-in for what of it cannot be read."""

    def __init__(self, batch: Any, partition: Any) -> None:
        self._batch = batch
        self._partition = partition

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            self._check_count()
            yield from self._batch
        except BatchTooLargeError as error:
            yield self._stand_in("size", str(error))
        except Exception as error:  # noqa: BLE001 - aiokafka would raise it at each fetch, for ever
            yield self._stand_in("unreadable", f"cannot be read: {error or type(error).__name__}")

    def __next__(self) -> Any:
        return next(self._batch)  # of a control batch, whose first record aiokafka asks for

    @property
    def _first_offset(self) -> int | None:
        """Return its first offset; None in the oldest formats, where nothing tells before."""
        return getattr(self._batch, "base_offset", None)

    def _check_count(self) -> None:
        first = self._first_offset
        count = 0 if first is None else self._batch.next_offset - first
        if count > MAX_MESSAGES:
            raise BatchTooLargeError(f"holds {count} messages, more than {MAX_MESSAGES}")

    def _stand_in(self, reason_class: ReasonClass, why: str) -> _StandIn:
        first, last = self._first_offset, self._batch.next_offset - 1
        offsets = f"to {last}" if first is None else f"{first} to {last}"
        text = f"batch of offsets {offsets} {why}"
        where = {"topic": self._partition.topic, "partition": self._partition.partition}
        log.warning("batch.skipped", **where, reason=text)
        metrics.BATCHES_SKIPPED.labels(reason_class).inc()
        value = UnreadBatch(Reason(reason_class, text))
        return _StandIn(last, max(getattr(self._batch, "max_timestamp", None) or 0, 0), value)


def _unpack_records(self: Any) -> Iterator[Any]:
    self._records = _Batches(self._records, self._tp)
    records: Iterator[Any] = _UNPACK_RECORDS(self)
    return records
