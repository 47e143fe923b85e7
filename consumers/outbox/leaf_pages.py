"""Rows of the table ``items`` in the pages of an SQLite file, without the way that leads to them.

Where the pages are lost that lead to others, the rows beneath still stand in the file. A page that
is a leaf of a table says so in its first byte; each cell that it points to is a row (SQLite's file
format: www.sqlite.org/fileformat.html, 1.6 and 2.1). What a page holds may be of long ago, because
freed pages keep their bytes: whoever uses a row compares it with an index. Does no I/O.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

PAGE_BYTES: Final = 4_096
_LEAF_OF_TABLE: Final = 13
_HEADER_BYTES: Final = 8
# More of a row than this stands on pages of its own.
_MOST_LOCAL: Final = PAGE_BYTES - 35
_LEAST_LOCAL: Final = (PAGE_BYTES - 12) * 32 // 255 - 23
_PER_OVERFLOW: Final = PAGE_BYTES - 4
# Values that a serial type says alone, and bytes of the numbers of the others.
_CONSTANTS: Final = {0: None, 8: 0, 9: 1}
_REAL: Final = 7
_NUMBER_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, _REAL: 8}
_FIRST_BLOB: Final = 12


def rows_in_pages(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Yield the row number and the columns of each cell in a leaf of any table.

    Cells that hold something else, or nothing that can be read, are left out.
    """
    for start in range(0, len(data) - PAGE_BYTES + 1, PAGE_BYTES):
        if data[start] != _LEAF_OF_TABLE:
            continue
        (count,) = struct.unpack_from(">H", data, start + 3)
        for cell in range(min(count, (PAGE_BYTES - _HEADER_BYTES) // 2)):
            (offset,) = struct.unpack_from(">H", data, start + _HEADER_BYTES + 2 * cell)
            try:
                yield _row(data, start, offset)
            except (IndexError, ValueError, struct.error):
                continue


def _row(data: bytes, start: int, offset: int) -> tuple[int, list[Any]]:
    """Return a cell's row; raise ``ValueError`` or ``IndexError`` where it is none."""
    page = data[start : start + PAGE_BYTES]
    size, at = _varint(page, offset)
    number, at = _varint(page, at)
    if size <= _MOST_LOCAL:
        return number, _columns(page[at : at + size], size)
    local = _LEAST_LOCAL + (size - _LEAST_LOCAL) % _PER_OVERFLOW
    if local > _MOST_LOCAL:
        local = _LEAST_LOCAL
    payload = bytearray(page[at : at + local])
    (following,) = struct.unpack_from(">I", page, at + local)
    while following and len(payload) < size and len(payload) <= len(data):
        page = data[(following - 1) * PAGE_BYTES : following * PAGE_BYTES]
        (following,) = struct.unpack_from(">I", page)
        payload += page[4:]
    return number, _columns(bytes(payload[:size]), size)


def _columns(payload: bytes, size: int) -> list[Any]:
    """Return the values of a record."""
    if len(payload) < size:
        raise ValueError("a row that goes on where nothing is")
    end, at = _varint(payload, 0)
    values, place = [], end
    while at < end:
        kind, at = _varint(payload, at)
        value, place = _value(payload, kind, place)
        values.append(value)
    if (at, place) != (end, size):
        raise ValueError("no record")
    return values


def _value(payload: bytes, kind: int, at: int) -> tuple[Any, int]:
    """Return a value of a serial type, and where the next one stands."""
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    size = (kind - _FIRST_BLOB) // 2 if kind >= _FIRST_BLOB else _NUMBER_BYTES.get(kind)
    if size is None or at + size > len(payload):
        raise ValueError("no value of a record")
    end = at + size
    value = payload[at:end]
    if kind >= _FIRST_BLOB:
        return (value.decode() if kind % 2 else value), end
    if kind == _REAL:
        return struct.unpack(">d", value)[0], end
    return int.from_bytes(value, "big", signed=True), end


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of one to nine bytes, and where the next one stands."""
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9
