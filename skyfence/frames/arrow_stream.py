"""Arrow IPC streams to record batches and back, for input that is not trusted.

Mutated streams crash readers (segmentation faults) unless they are checked before and after they
are read: size and rows bounded, the exact schema, no compression (a small stream could claim to
unpack to gigabytes), one batch, ``validate(full=True)``. Anything else raises ``BadInputError``.
"""

import struct
from typing import Final

import pyarrow as pa

from skyfence.contracts.rejected import BadInputError
from skyfence.frames.frame import ARROW_SCHEMA

CONTENT_TYPE: Final = "application/vnd.apache.arrow.stream"
# Kafka's default limit for a message, and twenty times the largest radar scan in one frame.
MAX_BYTES: Final = 1_000_000
MAX_ROWS: Final = 10_000

# Slots of the flatbuffers in Arrow's format/Message.fbs.
_MESSAGE_HEADER_SLOT = 2
_BATCH_COMPRESSION_SLOT = 3


def encode(batch: pa.RecordBatch) -> bytes:
    """Write a record batch as an uncompressed Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ARROW_SCHEMA) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decode(value: bytes) -> pa.RecordBatch:
    """Return the record batch of a stream that holds exactly one, of ``ARROW_SCHEMA``.

    Raises ``BadInputError`` with the reason for everything else.
    """
    if len(value) > MAX_BYTES:
        raise BadInputError("size", f"arrow stream of {len(value)} bytes is over {MAX_BYTES}")
    try:
        batch = _read(value)
        batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise BadInputError(
            "unreadable", f"unreadable arrow stream: {_first_line(error)}"
        ) from None
    return batch


def _read(value: bytes) -> pa.RecordBatch:
    messages = pa.ipc.MessageReader.open_stream(pa.BufferReader(value))
    try:
        schema_message = messages.read_next_message()
    except StopIteration:
        raise BadInputError(
            "unreadable", "arrow stream is empty; it begins with a schema"
        ) from None
    if schema_message.type != "schema":
        raise BadInputError(
            "unreadable", f"arrow stream begins with a {schema_message.type}, not a schema"
        )
    schema = pa.ipc.read_schema(schema_message)
    if not schema.equals(ARROW_SCHEMA):
        raise BadInputError("unreadable", f"arrow schema is not a frame's: {_difference(schema)}")
    message = _only_batch(messages)
    if _is_compressed(message.metadata.to_pybytes()):
        raise BadInputError("unreadable", "arrow stream is compressed; send frames uncompressed")
    batch = pa.ipc.read_record_batch(message, ARROW_SCHEMA)
    if not 0 <= batch.num_rows <= MAX_ROWS:
        raise BadInputError("size", f"frame of {batch.num_rows} reports is over {MAX_ROWS}")
    return batch


def _only_batch(messages: pa.ipc.MessageReader) -> pa.ipc.Message:
    try:
        message = messages.read_next_message()
    except StopIteration:
        raise BadInputError(
            "unreadable", "arrow stream has no record batch; send an empty one"
        ) from None
    if message.type != "record batch":
        raise BadInputError(
            "unreadable", f"arrow stream holds a {message.type} where a record batch belongs"
        )
    try:
        more = messages.read_next_message()
    except StopIteration:
        return message
    raise BadInputError(
        "unreadable", f"arrow stream holds more than one record batch: a {more.type} follows"
    )


def _is_compressed(metadata: bytes) -> bool:
    """Tell whether a record batch message's flatbuffer carries a body compression.

    pyarrow decompresses before it can be asked, so the two slots are followed here by hand.
    """
    root = _follow(metadata, 0)
    header = _slot(metadata, root, _MESSAGE_HEADER_SLOT)
    if header is None:
        raise BadInputError("unreadable", "arrow message has no header")
    return _slot(metadata, _follow(metadata, header), _BATCH_COMPRESSION_SLOT) is not None


def _follow(buffer: bytes, at: int) -> int:
    (offset,) = struct.unpack_from("<I", buffer, at)
    return at + int(offset)


def _slot(buffer: bytes, table: int, slot: int) -> int | None:
    (back,) = struct.unpack_from("<i", buffer, table)
    vtable = table - int(back)
    if vtable < 0:
        raise BadInputError("unreadable", "arrow message has a broken table")
    (vtable_bytes,) = struct.unpack_from("<H", buffer, vtable)
    at = 4 + 2 * slot
    if at + 2 > vtable_bytes:
        return None
    (offset,) = struct.unpack_from("<H", buffer, vtable + at)
    return table + int(offset) if offset else None


def _difference(schema: pa.Schema) -> str:
    for index, field in enumerate(ARROW_SCHEMA):
        if index >= len(schema.names):
            return f"column {field.name!r} is missing"
        if not schema.field(index).equals(field):
            return f"column {index} is {schema.field(index)}, must be {field}"
    if len(schema.names) > len(ARROW_SCHEMA.names):
        return f"column {schema.names[len(ARROW_SCHEMA.names)]!r} is unknown"
    return "its byte order is big-endian"  # a schema holds nothing else beside its fields


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
