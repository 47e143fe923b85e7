"""Arrow streams from outside: a frame, or one exact error, and never a crash."""

import random

import pyarrow as pa
import pytest
from builders import report

from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.frame import ARROW_SCHEMA, batch_of

BATCH = batch_of(
    [report(track_id=f"T{n}", altitude_m=n or None, callsign="RYR12") for n in range(4)]
)


def stream(*batches: pa.RecordBatch, schema: pa.Schema = ARROW_SCHEMA, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def refused(value: bytes) -> str:
    with pytest.raises(InputError) as caught:
        arrow_stream.decode(value)
    return str(caught.value)


def reason_of(value: bytes) -> str:
    try:
        arrow_stream.decode(value)
    except InputError as error:
        return str(error)
    return ""


def blank(rows: int) -> pa.RecordBatch:
    values = {pa.string(): "", pa.float64(): 0.0, pa.bool_(): False}
    columns = [
        pa.nulls(rows, field.type)
        if field.nullable
        else pa.array([values.get(field.type, 0)] * rows, field.type)
        for field in ARROW_SCHEMA
    ]
    return pa.record_batch(columns, schema=ARROW_SCHEMA)


def with_column(name: str, column: pa.Array) -> bytes:
    index = BATCH.schema.get_field_index(name)
    changed = BATCH.set_column(index, pa.field(name, column.type), column)
    return stream(changed, schema=changed.schema)


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_a_batch_survives_the_wire(rows: int) -> None:
    """An encoded batch is decoded to the same rows, an empty batch too."""
    batch = BATCH.slice(0, rows)
    assert arrow_stream.decode(arrow_stream.encode(batch)).equals(batch)


def test_ten_thousand_rows_are_the_most() -> None:
    """A frame of 10,000 rows is taken; one more row is refused with the number."""
    assert arrow_stream.decode(arrow_stream.encode(blank(arrow_stream.MAX_ROWS))).num_rows == 10_000
    assert (
        refused(arrow_stream.encode(blank(arrow_stream.MAX_ROWS + 1)))
        == "frame of 10001 reports is over 10000"
    )


def test_a_wrong_type_is_named() -> None:
    """A column of another type is refused by number, with both types."""
    value = with_column("lat", pa.array([1.0] * 4, pa.float32()))
    assert refused(value) == (
        "arrow schema is not a frame's: column 2 is pyarrow.Field<lat: float>, "
        "must be pyarrow.Field<lat: double not null>"
    )


def test_a_missing_column_is_named() -> None:
    """A schema that ends early names the first column it lacks."""
    batch = BATCH.select(ARROW_SCHEMA.names[:-1])
    value = stream(batch, schema=batch.schema)
    assert refused(value) == "arrow schema is not a frame's: column 'simulated' is missing"


def test_an_extra_column_is_named() -> None:
    """A column that no frame has is refused by name."""
    batch = BATCH.append_column("speed", pa.array([1] * 4))
    value = stream(batch, schema=batch.schema)
    assert refused(value) == "arrow schema is not a frame's: column 'speed' is unknown"


def test_a_dictionary_column_is_refused() -> None:
    """Dictionary encoding is another schema, however readable."""
    value = with_column("category", BATCH.column("category").dictionary_encode())
    assert "column 13 is pyarrow.Field<category: dictionary" in refused(value)


def test_a_dictionary_batch_is_refused() -> None:
    """A dictionary that follows a frame's own schema is not a record batch."""
    encoded = pa.record_batch([pa.array(["a"]).dictionary_encode()], names=["x"])
    reader = pa.ipc.MessageReader.open_stream(
        pa.BufferReader(stream(encoded, schema=encoded.schema))
    )
    reader.read_next_message()
    dictionary = reader.read_next_message()
    assert dictionary.type == "dictionary"
    value = ARROW_SCHEMA.serialize().to_pybytes() + dictionary.serialize().to_pybytes()
    assert refused(value) == "arrow stream holds a dictionary where a record batch belongs"


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_a_compressed_stream_is_refused(codec: str) -> None:
    """Compression is refused before anything is unpacked."""
    value = stream(BATCH, compression=codec)
    assert refused(value) == "arrow stream is compressed; send frames uncompressed"


def test_exactly_one_batch_is_taken() -> None:
    """No batch and two batches are refused, each for its reason."""
    assert refused(stream()) == "arrow stream has no record batch; send an empty one"
    assert refused(stream(BATCH, BATCH)) == (
        "arrow stream holds more than one record batch: a record batch follows"
    )


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\xff\xff\xff\xff\0\0\0\0"])
def test_a_stream_without_schema_is_refused(value: bytes) -> None:
    """No bytes, or only an end of stream, hold no schema."""
    assert refused(value) == "arrow stream is empty; it begins with a schema"


def test_a_stream_that_begins_with_a_batch_is_refused() -> None:
    """A batch without its schema cannot be read, and is not guessed at."""
    value = BATCH.serialize().to_pybytes()
    assert refused(value) == "arrow stream begins with a record batch, not a schema"


def test_a_big_endian_stream_is_refused() -> None:
    """A schema that differs in its byte order alone is refused for that."""
    value = arrow_stream.encode(BATCH)
    # The schema's fields lie behind the first 64 bytes; one of these is the byte order's slot.
    swapped = (
        value[:at] + bytes([offset]) + value[at + 1 :] for at in range(64) for offset in range(256)
    )
    assert any(
        reason_of(stream) == "arrow schema is not a frame's: its byte order is big-endian"
        for stream in swapped
    )


def test_a_megabyte_is_the_most() -> None:
    """A byte over a megabyte is refused unread, with the number."""
    assert refused(b"\0" * 1_000_001) == "arrow stream of 1000001 bytes is over 1000000"


def test_every_truncation_is_refused_or_whole() -> None:
    """A stream cut anywhere before the end of its batch is refused."""
    value = arrow_stream.encode(BATCH)
    end = len(value) - 8  # the mark of the end may be missing
    assert [at for at in range(end) if not reason_of(value[:at])] == []


def test_random_bytes_are_refused() -> None:
    """Noise of any length is an InputError."""
    source = random.Random(20240907)
    for _ in range(500):
        refused(source.randbytes(source.randrange(2_000)))


def test_invalid_text_is_refused() -> None:
    """Bytes that are no UTF-8 in a text column never reach a reader of texts."""
    value = arrow_stream.encode(BATCH).replace(b"RYR12", b"RYR1\xff", 1)
    assert refused(value).startswith("unreadable arrow stream: ")
