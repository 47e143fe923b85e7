"""Damage to valid messages of every kind: in what they say, and in their bytes.

    JSON, MessagePack   a place of the tree: another value, near or odd; dropped, doubled, renamed
    Arrow               a value of a column, or the schema, the batches, the compression
    TOML, OpenAir       a word or a line
    all of them         some bytes changed, or the end cut off

What is near the old value mostly decodes and goes on to be judged; what is odd is the model's to
refuse; changed bytes are the parser's. Whatever is drawn comes from the ``Random`` that is given:
hypothesis has one of its own, so that what it finds is made small.
"""

import json
import math
import re
from random import Random
from typing import Any, Final

import msgspec
import pyarrow as pa

from skyfence.times import LATEST_MS

# What lengths and offsets are damaged to: the ends of their types and what is near a real one.
_WORDS: Final = (
    *(0, 1, 7, 8, 64, 10_000, 10_001, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1),
    *(-1, -8),
)
_TEXTS: Final = ("", " ", "x" * 300, "\x00", "é", "\ud800", "a/b", "7500", "AA", "true", "0")
_TIMES: Final = ("2024-02-30T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z")
_NUMBERS: Final = (
    *(0, -1, 1, 361, 10_001, 2**31, 2**63, 10**30),
    *(-0.0, 1e-300, 90.1, 180.1, 1e308, math.nan, math.inf, -math.inf),
)
_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, *_TEXTS, *_TIMES, *_NUMBERS),
    *([], {}, [[]], [None], {"x": 1}),
)
_STEPS: Final = (1e-6, 1e-3, 0.1, 10.0)
_OF_A_COLUMN: Final[dict[pa.DataType, tuple[Any, ...]]] = {
    pa.float64(): (None, *(float(number) for number in _NUMBERS)),
    pa.string(): (None, *(text for text in _TEXTS if text.isprintable() and text != "\ud800")),
    pa.bool_(): (None, True, False),
}
_OTHER_TYPES: Final = (pa.int8(), pa.float32(), pa.large_string(), pa.uint64())
_INSTANTS_MS: Final = (None, 0, -1, LATEST_MS, LATEST_MS + 1, 2**62, -(2**62))
_TOKENS: Final = re.compile(r'"[^"\n]*"|[-+]?\d[\w.:+-]*|\w+')
_IN_TEXTS: Final = ("0", "-1", "1e400", "9" * 400, "nan", '""', '"é"', "[" * 200, "=", "true", "N")


def damage(value: bytes, draw: Random) -> bytes:
    """Return bytes with some of them changed, and one time in ten cut short."""
    if not value:
        return draw.randbytes(3)
    damaged = bytearray(value)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        width = min(draw.choice((1, 1, 1, 2, 4, 8)), len(value))
        at = draw.randrange(len(value) // width) * width
        word = draw.choice((draw.randrange(256), draw.choice(_WORDS)))
        damaged[at : at + width] = (word % 2**64).to_bytes(8, "little")[:width]
    if draw.random() < 0.1:
        del damaged[draw.randrange(len(damaged)) :]
    return bytes(damaged)


def twist(tree: Any, draw: Random) -> Any:
    """Return a decoded document with one place of it changed; the given one stays as it is."""
    if isinstance(tree, dict | list) and tree and draw.random() < 0.9:
        changed = tree.copy()
        at = draw.choice(list(tree)) if isinstance(tree, dict) else draw.randrange(len(tree))
        changed[at] = twist(tree[at], draw)
        return changed
    if isinstance(tree, dict):
        return _reshaped(tree, draw)
    if isinstance(tree, list):
        return _relisted(tree, draw)
    return near(tree, draw) if draw.random() < 0.7 else draw.choice(_ODD)


def near(value: Any, draw: Random) -> Any:
    """Return another value of the same type, close to this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice((-1_000, -1, 1, 1_000))
    if isinstance(value, float):
        return value + draw.choice((-1, 1)) * draw.choice(_STEPS)
    if isinstance(value, str) and value:
        at = draw.randrange(len(value))
        return value[:at] + _like(value[at], draw) + value[at + 1 :]
    if isinstance(value, bytes):
        return damage(value, draw)
    return value


def json_message(tree: Any, draw: Random) -> bytes:
    """Return a document as damaged JSON: in one to three places, one time in five in its bytes."""
    if draw.random() < 0.2:
        return damage(json.dumps(tree).encode(), draw)
    for _ in range(draw.choice((1, 1, 2, 3))):
        tree = twist(tree, draw)
    return json.dumps(tree).encode()


def packed_message(value: bytes, draw: Random) -> bytes:
    """Return MessagePack with a place of its tree changed, one time in five with other bytes."""
    if draw.random() < 0.2:
        return damage(value, draw)
    tree = twist(msgspec.msgpack.decode(value), draw)
    try:
        return msgspec.msgpack.encode(tree)
    except (OverflowError, UnicodeEncodeError):  # what MessagePack has no form for
        return damage(value, draw)


def text_message(text: str, draw: Random) -> bytes:
    """Return a text with a word or a line changed, one time in five with other bytes."""
    if draw.random() < 0.2:
        return damage(text.encode(), draw)
    for _ in range(draw.choice((1, 1, 2, 3))):
        text = _other_line(text, draw) if draw.random() < 0.2 else _other_word(text, draw)
    return text.encode(errors="surrogatepass")


def arrow_message(batch: pa.RecordBatch, draw: Random) -> bytes:
    """Return a frame's batch as a damaged stream: of its columns, its form or its bytes."""
    kind = draw.random()
    if kind < 0.3 or not batch.num_rows:
        return damage(_stream([batch]), draw)
    if kind < 0.4:
        return _other_stream(batch, draw)
    for _ in range(draw.choice((1, 1, 2, 3))):
        batch = _other_column(batch, draw)
    return _stream([batch])


def _like(letter: str, draw: Random) -> str:
    """Return a character of the same kind, so that numbers, times and identifiers stay such."""
    if letter.isdigit():
        return draw.choice("0123456789")
    if letter.isalpha():
        return draw.choice("ABCDEFX" if letter.isupper() else "abcdefx")
    return draw.choice((letter, letter, " ", "-", "/", "€"))


def _reshaped(tree: dict[Any, Any], draw: Random) -> dict[Any, Any]:
    changed, names = tree.copy(), list(tree)
    kind = draw.randrange(4)
    if kind == 0 or not names:
        changed[draw.choice(("colour", "", "lat", "kind", "NATO"))] = draw.choice(_ODD)
    elif kind == 1:
        del changed[draw.choice(names)]
    elif kind == 2:
        name = draw.choice(names)
        changed[near(name, draw)] = changed.pop(name)
    else:
        name, other_name = draw.choice(names), draw.choice(names)
        changed[name], changed[other_name] = changed[other_name], changed[name]
    return changed


def _relisted(tree: list[Any], draw: Random) -> list[Any]:
    kind = draw.randrange(4)
    if kind == 0 or not tree:
        return [*tree, draw.choice(_ODD)]
    at = draw.randrange(len(tree))
    if kind == 1:
        return tree[:at] + tree[at + 1 :]
    if kind == 2:
        return tree[:at] + [tree[at]] * draw.choice((2, 3, 40)) + tree[at + 1 :]
    return tree[at:] + tree[:at]


def _other_word(text: str, draw: Random) -> str:
    words = list(_TOKENS.finditer(text))
    if not words:
        return text + draw.choice(_IN_TEXTS)
    word = draw.choice(words)
    how = draw.random()
    if how < 0.8:
        new = f'"{near(word[0][1:-1], draw)}"' if word[0][0] == '"' else near(word[0], draw)
    else:
        new = draw.choice(words)[0] if how < 0.9 else draw.choice(_IN_TEXTS)
    return text[: word.start()] + new + text[word.end() :]


def _other_line(text: str, draw: Random) -> str:
    lines = _relisted(text.split("\n"), draw)
    return "\n".join(line if isinstance(line, str) else repr(line) for line in lines)


def _other_column(batch: pa.RecordBatch, draw: Random) -> pa.RecordBatch:
    index = draw.randrange(batch.num_columns)
    field = batch.schema.field(index)
    is_time = pa.types.is_timestamp(field.type)
    column = batch.column(index).cast(pa.int64()) if is_time else batch.column(index)
    values = column.to_pylist()
    odd = _INSTANTS_MS if is_time else _OF_A_COLUMN[field.type]
    for row in range(len(values)) if draw.random() < 0.2 else [draw.randrange(len(values))]:
        value = near(values[row], draw) if draw.random() < 0.6 else draw.choice(odd)
        values[row] = value if not isinstance(value, str) or value.isprintable() else "?"
    return batch.set_column(index, field, pa.array(values, field.type))


def _other_stream(batch: pa.RecordBatch, draw: Random) -> bytes:
    """Return a good stream of what is no frame."""
    index = draw.randrange(batch.num_columns)
    name, names = batch.schema.names[index], batch.schema.names
    numbers = pa.array([draw.randrange(100)] * len(batch)).cast(draw.choice(_OTHER_TYPES))
    kind = draw.randrange(4)
    if kind == 0:
        return _stream([batch], compression=draw.choice(("lz4", "zstd")))
    if kind == 1:
        return _stream([batch] * draw.choice((2, 3)))
    if kind == 2:
        return _stream([], batch.schema)
    others = (
        batch.select([column for column in names if column != name]),
        batch.append_column("speed", numbers),
        batch.set_column(index, name, numbers),
        batch.set_column(index, name, batch.column(index).dictionary_encode()),
    )
    return _stream([draw.choice(others)])


def _stream(
    batches: list[pa.RecordBatch], schema: pa.Schema | None = None, **options: Any
) -> bytes:
    sink = pa.BufferOutputStream()
    form = batches[0].schema if batches else schema
    with pa.ipc.new_stream(sink, form, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return bytes(sink.getvalue())
