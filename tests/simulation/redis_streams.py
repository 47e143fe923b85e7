"""The streams of a simulated Redis: entries in order, and groups of readers that share them.

add ──▶ entries ──read──▶ a group's consumer ──acknowledge──▶ done
                                └── idle for too long ──claim──▶ another consumer
"""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from simulation.resp import RedisError

# Milliseconds since 1970, and a number among those of the same millisecond.
EntryId = tuple[int, int]
_FIRST: Final[EntryId] = (0, 0)
_HIGHEST: Final = 2**64 - 1


def parse_id(text: bytes, *, is_upper: bool = False) -> EntryId:
    """Read an id; one without a number is the first of its millisecond, or the last."""
    if text in (b"-", b"+"):
        return (_HIGHEST, _HIGHEST) if text == b"+" else _FIRST
    ms, dash, number = text.partition(b"-")
    return int(ms), int(number) if dash else (_HIGHEST if is_upper else 0)


def format_id(entry_id: EntryId) -> bytes:
    """Write an id."""
    return b"%d-%d" % entry_id


@dataclass
class _Pending:
    """An entry that a consumer has read and not acknowledged."""

    consumer: bytes
    since_ms: int


@dataclass
class _Group:
    """A group: the last entry that it was given, and those without an acknowledgement."""

    last: EntryId
    pending: dict[EntryId, _Pending] = field(default_factory=dict)


@dataclass
class Stream:
    """One stream; ``last`` is the highest id that it has ever had."""

    entries: list[tuple[EntryId, list[bytes]]] = field(default_factory=list)
    last: EntryId = _FIRST
    groups: dict[bytes, _Group] = field(default_factory=dict)

    def copy(self) -> Self:
        """Return the stream as a disk would keep it."""
        groups = {
            name: _Group(group.last, {at: _Pending(**vars(p)) for at, p in group.pending.items()})
            for name, group in self.groups.items()
        }
        return type(self)(list(self.entries), self.last, groups)

    def add(self, given: bytes, fields: list[bytes], now_ms: int) -> EntryId:
        """Add an entry under an id, or under the next one of now (``*``)."""
        if given == b"*":
            is_later = now_ms > self.last[0]
            entry_id = (now_ms, 0) if is_later else (self.last[0], self.last[1] + 1)
        else:
            entry_id = parse_id(given)
        if entry_id <= self.last:
            raise RedisError("ERR The ID specified in XADD is equal or smaller than the target")
        self.entries.append((entry_id, fields))
        self.last = entry_id
        return entry_id

    def trim(self, longest: int) -> int:
        """Drop the oldest entries beyond so many; return how many those were."""
        gone = max(0, len(self.entries) - longest)
        del self.entries[:gone]
        return gone

    def between(self, low: EntryId, high: EntryId) -> list[tuple[EntryId, list[bytes]]]:
        """Return the entries from an id to another one, both included."""
        return [entry for entry in self.entries if low <= entry[0] <= high]

    def after(self, entry_id: EntryId, most: int | None) -> list[tuple[EntryId, list[bytes]]]:
        """Return the first entries that come after an id."""
        return [entry for entry in self.entries if entry[0] > entry_id][:most]

    # its groups

    def group(self, name: bytes) -> _Group:
        """Return a group; raise Redis's error where there is none."""
        if name not in self.groups:
            raise RedisError(f"NOGROUP No such consumer group '{name.decode()}'")
        return self.groups[name]

    def begin_group(self, name: bytes, at: bytes) -> None:
        """Make a group that has been given all up to an id (``$``: the last)."""
        if name in self.groups:
            raise RedisError("BUSYGROUP Consumer Group name already exists")
        self.groups[name] = _Group(self.last if at == b"$" else parse_id(at))

    def read(
        self, name: bytes, consumer: bytes, most: int | None, now_ms: int
    ) -> list[tuple[EntryId, list[bytes]]]:
        """Give a consumer entries that its group was not given before."""
        group = self.group(name)
        entries = self.after(group.last, most)
        for entry_id, _ in entries:
            group.pending[entry_id] = _Pending(consumer, now_ms)
            group.last = entry_id
        return entries

    def claim(
        self, name: bytes, consumer: bytes, idle_ms: int, most: int, now_ms: int
    ) -> tuple[list[tuple[EntryId, list[bytes]]], list[EntryId]]:
        """Give a consumer what was read and not acknowledged for so long.

        Returns the entries, and those of them that the stream has no more.
        """
        group, held = self.group(name), dict(self.entries)
        idle = [at for at, p in sorted(group.pending.items()) if now_ms - p.since_ms >= idle_ms]
        deleted = [at for at in idle if at not in held]
        for at in deleted:
            del group.pending[at]
        claimed = [at for at in idle if at in held][:most]
        for at in claimed:
            group.pending[at] = _Pending(consumer, now_ms)
        return [(at, held[at]) for at in claimed], deleted

    def acknowledge(self, name: bytes, ids: tuple[bytes, ...]) -> int:
        """Strike entries from those without an acknowledgement; return how many there were."""
        pending = self.groups[name].pending if name in self.groups else dict[EntryId, _Pending]()
        return sum(pending.pop(parse_id(each), None) is not None for each in ids)


def shown(entries: list[tuple[EntryId, list[bytes]]]) -> list[Any]:
    """Return entries as Redis answers with them."""
    return [[format_id(entry_id), list(fields)] for entry_id, fields in entries]
