"""Redis's protocol as a server speaks it: commands in, answers of RESP2 or RESP3 out."""

from collections.abc import Iterator
from typing import Any


class RedisError(Exception):
    """What a client is told went wrong, as ``NOSCRIPT …``."""


class Push(list[Any]):
    """A message that no command asked for (publish and subscribe)."""


class Status(bytes):
    """A short answer, as ``OK``."""


class CommandReader:
    """Cuts what a client sends into commands."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[list[bytes]]:
        """Take in bytes; yield each command that is whole now."""
        self._buffer += data
        while (command := self._command()) is not None:
            yield command

    def _command(self) -> list[bytes] | None:
        buffer = self._buffer
        end = buffer.find(b"\r\n")
        if end < 0:
            return None
        assert buffer[:1] == b"*", "clients send arrays"
        count, at, words = int(buffer[1:end]), end + 2, list[bytes]()
        for _ in range(count):
            end = buffer.find(b"\r\n", at)
            if end < 0:
                return None
            size = int(buffer[at + 1 : end])
            at = end + 2 + size + 2
            if at > len(buffer):
                return None
            words.append(buffer[end + 2 : end + 2 + size])
        self._buffer = buffer[at:]
        return words


def encode(answer: Any, version: int) -> bytes:  # noqa: PLR0911 - one line a type
    """Return an answer in RESP2 or RESP3."""
    if answer is None:
        return b"_\r\n" if version == 3 else b"$-1\r\n"
    if isinstance(answer, RedisError):
        return b"-" + str(answer).encode() + b"\r\n"
    if isinstance(answer, Status):
        return b"+" + answer + b"\r\n"
    if isinstance(answer, bytes):
        return b"$%d\r\n%b\r\n" % (len(answer), answer)
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    if isinstance(answer, dict) and version == 3:
        pairs = b"".join(encode(key, 3) + encode(value, 3) for key, value in answer.items())
        return b"%%%d\r\n" % len(answer) + pairs
    if isinstance(answer, dict):
        answer = [part for pair in answer.items() for part in pair]
    kind = b">" if isinstance(answer, Push) and version == 3 else b"*"
    return kind + b"%d\r\n" % len(answer) + b"".join(encode(part, version) for part in answer)
