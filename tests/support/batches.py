"""Kafka's record batches as a producer would write them, in any of its codecs."""

import struct
from collections.abc import Sequence

import pyarrow as pa
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

# By the number that stands in a batch's attributes.
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
_BASE_OFFSET_AT, _LENGTH_AT, _CRC_AT, _ATTRIBUTES_AT, _RECORDS_AT = 0, 8, 17, 21, 61
_XERIAL_BLOCK_BYTES = 32 * 1024


def batch(values: Sequence[bytes], codec: str | None = None, first_offset: int = 0) -> bytes:
    """Return a batch with a message of each value."""
    plain = plain_batch(values)
    records = plain[_RECORDS_AT:]
    packed = records if codec is None else bytes(pa.compress(records, codec=codec, asbytes=True))
    return with_records(plain, packed, 0 if codec is None else CODECS[codec], first_offset)


def xerial_batch(values: Sequence[bytes]) -> bytes:
    """Return a batch with snappy's blocks in the framing of Java's library."""
    plain = plain_batch(values)
    records = plain[_RECORDS_AT:]
    packed = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    for at in range(0, len(records), _XERIAL_BLOCK_BYTES):
        block = pa.compress(records[at : at + _XERIAL_BLOCK_BYTES], codec="snappy", asbytes=True)
        packed += struct.pack(">i", len(block)) + block
    return with_records(plain, packed, CODECS["snappy"], 0)


def plain_batch(values: Sequence[bytes]) -> bytes:
    """Return an uncompressed batch, the first message at offset 0."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp=1_000 + offset, key=b"radar", value=value, headers=[])
    return bytes(builder.build())


def with_records(plain: bytes, packed: bytes, codec_number: int, first_offset: int) -> bytes:
    """Return a batch with other records than its own, its length and checksum made right."""
    made = bytearray(plain[:_RECORDS_AT]) + packed
    struct.pack_into(">q", made, _BASE_OFFSET_AT, first_offset)
    struct.pack_into(">i", made, _LENGTH_AT, len(made) - _LENGTH_AT - 4)
    struct.pack_into(">h", made, _ATTRIBUTES_AT, codec_number)
    struct.pack_into(">I", made, _CRC_AT, calc_crc32c(bytes(made[_ATTRIBUTES_AT:])))
    return bytes(made)
