"""Kafka's record batches: what is read of them, and what stands for one that cannot be read."""

import struct
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from batches import CODECS, batch, plain_batch, with_records, xerial_batch

from skyfence.adapters import record_batches
from skyfence.adapters.record_batches import MAX_MESSAGES, MAX_UNPACKED_BYTES, UnreadBatch

TRACKS = TopicPartition("tracks", 3)
# Unpacked twice the bound, packed some kilobytes.
ZEROS = b"\0" * 2 * MAX_UNPACKED_BYTES


@pytest.fixture(autouse=True)
def bounded() -> None:
    """Read as every process of skyfence does."""
    record_batches.bound_batches()


def read(*batches: bytes, from_offset: int = 0) -> list[Any]:
    """Return the messages that a consumer is given of a fetch with these batches."""
    fetched = MemoryRecords(b"".join(batches))
    return list(PartitionRecords(TRACKS, fetched, [], from_offset, None, None, True, 0))


@pytest.mark.parametrize("codec", [None, *CODECS])
def test_messages_of_each_codec_are_read(codec: str | None) -> None:
    """A batch in any of Kafka's codecs is read whole, without a library for the codec."""
    values = [b"%d" % number * 5_000 for number in range(20)]
    assert [message.value for message in read(batch(values, codec))] == values


def test_messages_in_the_framing_of_java_s_snappy_are_read() -> None:
    """Java's producers send snappy in blocks; all of them are put together."""
    values = [b"%d" % number * 5_000 for number in range(20)]
    assert [message.value for message in read(xerial_batch(values))] == values


@pytest.mark.parametrize("codec", list(CODECS))
def test_a_batch_that_unpacks_to_too_much_is_left_out(codec: str) -> None:
    """One message with the reason stands for it, at its last offset; those around it are read."""
    before, after = batch([b"before"]), batch([b"after"], first_offset=3)
    messages = read(before, batch([ZEROS, b"x"], codec, first_offset=1), after)
    assert [(message.offset, message.value) for message in messages] == [
        (0, b"before"),
        (2, b""),
        (3, b"after"),
    ]
    reason = messages[1].value.reason
    assert reason.reason_class == "size"
    assert reason.text == "batch of offsets 1 to 2 unpacks to more than 33554432 bytes"


def test_blocks_of_java_s_snappy_are_bounded_together() -> None:
    """Many small blocks are as large as one large block."""
    (message,) = read(xerial_batch([ZEROS]))
    assert message.value.reason.reason_class == "size"


def test_a_batch_of_too_many_messages_is_left_out() -> None:
    """A million empty messages fit into a small batch, and each would be judged and rejected."""
    (message,) = read(batch([b""] * (MAX_MESSAGES + 1), "zstd"))
    assert message.value.reason.text == "batch of offsets 0 to 20000 holds 20001 messages, " + (
        "more than 20000"
    )


def test_a_batch_with_broken_records_is_left_out() -> None:
    """What aiokafka would raise at each fetch, for ever, costs that batch alone."""
    plain = plain_batch([b"first", b"second"])
    torn = with_records(plain, pa.compress(b"no records", codec="zstd", asbytes=True), 4, 1)
    messages = read(batch([b"before"]), torn, batch([b"after"], first_offset=3))
    assert [(message.offset, message.value) for message in messages] == [
        (0, b"before"),
        (2, b""),
        (3, b"after"),
    ]
    assert messages[1].value.reason.reason_class == "unreadable"


@pytest.mark.parametrize("packed_bytes", [0, -4])
def test_an_empty_block_of_snappy_ends_the_batch(packed_bytes: int) -> None:
    """A block that leads back to itself is no endless loop."""
    packed = b"\x82SNAPPY\x00" + struct.pack(">iii", 1, 1, packed_bytes)
    (message,) = read(with_records(plain_batch([b"x"]), packed, CODECS["snappy"], 0))
    assert isinstance(message.value, UnreadBatch)


def test_reading_goes_on_in_the_middle_of_an_unread_batch() -> None:
    """Whoever was stopped in it finds the same message again, and then what follows."""
    bomb, after = batch([ZEROS, b"x"], "zstd"), batch([b"after"], first_offset=2)
    assert [message.offset for message in read(bomb, after, from_offset=1)] == [1, 2]


_IN_LITTLE_MEMORY = """
import resource, sys
sys.path[:] = {path!r}
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from skyfence.adapters import record_batches
record_batches.bound_batches()
fetched = MemoryRecords(sys.stdin.buffer.read())
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, used + 400_000_000))
(message,) = PartitionRecords(TopicPartition("t", 0), fetched, [], 0, None, None, True, 0)
print(message.value.reason.reason_class)
"""


def test_a_batch_takes_no_more_memory_than_it_may() -> None:
    """A batch of some 20 kB that unpacks to 600 MB is left out by a process that has 400 MB more.

    The process is one of its own, whose memory is limited as a container's is.
    """
    packed = pa.compress(b"\0" * 600_000_000, codec="zstd", asbytes=True)
    said = subprocess.run(
        [sys.executable, "-c", _IN_LITTLE_MEMORY.format(path=sys.path)],
        input=with_records(plain_batch([b"x"]), packed, CODECS["zstd"], 0),
        capture_output=True,
        check=True,
    ).stdout
    assert said.split()[-1:] == [b"size"]
