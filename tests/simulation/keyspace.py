"""What a simulated Redis holds, and its commands on it: those that skyfence uses.

``tests/simulation/test_redis.py`` plays the same commands to a real server. Streams and the groups
that read them are ``redis_streams``'.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from simulation.redis_functions import Functions
from simulation.redis_streams import Stream, format_id, parse_id, shown
from simulation.resp import RedisError, Status

_OK: Final = Status(b"OK")
# Before a length: at about it, or exactly at it.
_ABOUT: Final = (b"~", b"=")


def _of_streams(words: Sequence[bytes]) -> tuple[dict[bytes, int], list[bytes], list[bytes]]:
    """Return the options (``COUNT``, ``BLOCK``), the streams, and from where each is read."""
    at = [word.upper() for word in words].index(b"STREAMS")
    options = {words[i].upper(): int(words[i + 1]) for i in range(0, at, 2)}
    half = (len(words) - at - 1) // 2
    return options, list(words[at + 1 : at + 1 + half]), list(words[at + 1 + half :])


class Keyspace:
    """Keys and their values; ``copy`` and ``Keyspace(copy)`` are what a disk keeps of them."""

    def __init__(self, run_id: str, now_s: Callable[[], float], held: Any = None) -> None:
        self.run_id = run_id
        self._now_s = now_s
        strings, hashes, streams, code = held or ({}, {}, {}, None)
        self.strings: dict[bytes, tuple[bytes, float | None]] = dict(strings)
        self.hashes: dict[bytes, dict[bytes, bytes]] = {k: dict(v) for k, v in hashes.items()}
        self.streams: dict[bytes, Stream] = {k: stream.copy() for k, stream in streams.items()}
        self.code: bytes | None = code
        self.published: list[tuple[bytes, bytes]] = []
        self.receivers: Callable[[bytes], int] = lambda _: 0  # of a channel
        self._functions = Functions(self)
        self._scripts: dict[bytes, bytes] = {}
        if code is not None:
            self._functions.load(code)

    def copy(self) -> Any:
        """Return all that it holds, as a disk would keep it."""
        hashes = {key: dict(fields) for key, fields in self.hashes.items()}
        streams = {key: stream.copy() for key, stream in self.streams.items()}
        return dict(self.strings), hashes, streams, self.code

    def size_bytes(self) -> int:
        """Return how many bytes its values have."""
        return (
            sum(len(value) for value, _ in self.strings.values())
            + sum(len(v) for fields in self.hashes.values() for v in fields.values())
            + sum(len(w) for each in self.streams.values() for _, e in each.entries for w in e)
        )

    def run(self, words: Sequence[bytes]) -> Any:
        """Run a command; raise ``RedisError`` where Redis would answer with an error."""
        name = words[0].upper().decode().lower()
        command = getattr(self, f"_{name}", None)
        if command is None:
            raise RedisError(f"ERR unknown command '{name}'")
        return command(*words[1:])

    def _ping(self, *words: bytes) -> Any:
        return words[0] if words else Status(b"PONG")

    def _info(self, *_: bytes) -> bytes:
        return b"# Server\r\nredis_version:9.1.2\r\nrun_id:%b\r\n" % self.run_id.encode()

    def _get(self, key: bytes) -> bytes | None:
        value, until_s = self.strings.get(key, (None, None))
        return None if until_s is not None and until_s <= self._now_s() else value

    def _set(self, key: bytes, value: bytes, *options: bytes) -> Any:
        flags = [option.upper() for option in options]
        if b"NX" in flags and self._get(key) is not None:
            return None
        until_s = None
        for unit, seconds in ((b"EX", 1.0), (b"PX", 0.001)):
            if unit in flags:
                until_s = self._now_s() + seconds * int(options[flags.index(unit) + 1])
        self.strings[key] = value, until_s
        return _OK

    def _del(self, *keys: bytes) -> int:
        held = (self.strings, self.hashes, self.streams)
        return sum(kind.pop(key, None) is not None for key in keys for kind in held)

    def _hget(self, key: bytes, field: bytes) -> bytes | None:
        return self.hashes.get(key, {}).get(field)

    def _hset(self, key: bytes, *pairs: bytes) -> int:
        fields = self.hashes.setdefault(key, {})
        before = len(fields)
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(fields) - before

    def _hdel(self, key: bytes, *names: bytes) -> int:
        fields = self.hashes.get(key, {})
        gone = sum(fields.pop(name, None) is not None for name in names)
        if not fields:
            self.hashes.pop(key, None)
        return gone

    def _hkeys(self, key: bytes) -> list[bytes]:
        return list(self.hashes.get(key, {}))

    def _hgetall(self, key: bytes) -> dict[bytes, bytes]:
        return dict(self.hashes.get(key, {}))

    def _hlen(self, key: bytes) -> int:
        return len(self.hashes.get(key, {}))

    def _xadd(self, key: bytes, *words: bytes) -> bytes:
        rest = list(words)
        longest = None
        if rest[0].upper() == b"MAXLEN":
            count = 3 if rest[1] in _ABOUT else 2
            longest, rest = int(rest[count - 1]), rest[count:]
        stream = self.streams.setdefault(key, Stream())
        entry_id = stream.add(rest[0], rest[1:], self._now_ms())
        if longest is not None:
            stream.trim(longest)
        return format_id(entry_id)

    def _xtrim(self, key: bytes, *words: bytes) -> int:
        assert words[0].upper() == b"MAXLEN", "skyfence trims by length"
        return self._stream(key).trim(int(words[-1]))

    def _xrange(self, key: bytes, low: bytes, high: bytes, *options: bytes) -> list[Any]:
        entries = self._stream(key).between(parse_id(low), parse_id(high, is_upper=True))
        return shown(entries[: int(options[1])] if options else entries)

    def _xrevrange(self, key: bytes, high: bytes, low: bytes, *options: bytes) -> list[Any]:
        entries = self._xrange(key, low, high)[::-1]
        return entries[: int(options[1])] if options else entries

    def _xread(self, *words: bytes) -> Any:
        options, names, ids = _of_streams(words)
        read = {
            name: self._stream(name).after(parse_id(at), options.get(b"COUNT"))
            for name, at in zip(names, ids, strict=True)
        }
        return {name: shown(entries) for name, entries in read.items() if entries} or None

    def _xreadgroup(self, _: bytes, group: bytes, consumer: bytes, *words: bytes) -> Any:
        options, names, ids = _of_streams(words)
        assert set(ids) == {b">"}, "skyfence reads what is new"
        streams = {name: self._stream(name) for name in names}
        for stream in streams.values():
            stream.group(group)
        most, now_ms = options.get(b"COUNT"), self._now_ms()
        read = {name: each.read(group, consumer, most, now_ms) for name, each in streams.items()}
        return {name: shown(entries) for name, entries in read.items() if entries} or None

    def _xgroup(self, verb: bytes, key: bytes, group: bytes, at: bytes, *_: bytes) -> Any:
        assert verb.upper() == b"CREATE", "skyfence only creates groups"
        self.streams.setdefault(key, Stream()).begin_group(group, at)
        return _OK

    def _xautoclaim(
        self, key: bytes, group: bytes, consumer: bytes, idle_ms: bytes, _: bytes, *count: bytes
    ) -> list[Any]:
        entries, deleted = self._stream(key).claim(
            group, consumer, int(idle_ms), int(count[1]), self._now_ms()
        )
        return [b"0-0", shown(entries), [format_id(entry_id) for entry_id in deleted]]

    def _xack(self, key: bytes, group: bytes, *ids: bytes) -> int:
        return self._stream(key).acknowledge(group, ids)

    def _memory(self, _: bytes, key: bytes, *__: bytes) -> int | None:
        """Return about how many bytes a stream takes, as ``MEMORY USAGE`` does."""
        if key not in self.streams:
            return None
        return sum(len(w) for _, fields in self.streams[key].entries for w in fields)

    def _stream(self, key: bytes) -> Stream:
        return self.streams.get(key) or Stream()

    def _now_ms(self) -> int:
        return round(1000 * self._now_s())

    def _publish(self, channel: bytes, message: bytes) -> int:
        self.published.append((channel, message))
        return self.receivers(channel)

    def _function(self, verb: bytes, *words: bytes) -> Any:
        assert verb.upper() == b"LOAD", "skyfence only loads functions"
        self.code = words[-1]
        self._functions.load(self.code)
        return b"skyfence"

    def _script(self, verb: bytes, code: bytes) -> bytes:
        assert verb.upper() == b"LOAD", "skyfence only loads scripts"
        digest = hashlib.sha1(code).hexdigest().encode()
        self._scripts[digest] = code
        return digest

    def _evalsha(self, digest: bytes, count: bytes, *words: bytes) -> Any:
        if digest not in self._scripts:
            raise RedisError("NOSCRIPT No matching script.")
        number = int(count)
        return self._functions.run(self._scripts[digest], words[:number], words[number:])

    def _fcall(self, name: bytes, count: bytes, *words: bytes) -> Any:
        number = int(count)
        return self._functions.call(name, words[:number], words[number:])
