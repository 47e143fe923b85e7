"""What a message may cost its reader: processor time, what is sent for it, what is kept of it.

Who sends much may cost much, and a few bytes may cost little. Each allowance is a share for a
message and one for each of its bytes. What is kept is bounded over all messages together.
"""

from dataclasses import dataclass
from typing import Final

from fuzz.samples import Mail


@dataclass(frozen=True)
class Allowance:
    """How much of something may follow from messages."""

    a_message: float
    a_byte: float

    def of(self, messages: int, size: int) -> float:
        """Return how much may follow from so many messages of so many bytes together."""
        return messages * self.a_message + size * self.a_byte


# A report of 150 bytes at a border takes up to 8 ms, twice that where others use the processor's
# caches, too; a pause of the garbage collector takes some tenths of a second.
CPU_S: Final = Allowance(1.0, 150e-6)
# A report of 100 bytes that enters is told of as an event and up to three crossings, and its track
# once more when it is lost; an event that moves a place, or many incidents, is told to each place
# with lists of up to 200 names.
SENT_BYTES: Final = Allowance(300_000, 50.0)
# Whatever is wrong with a message: its first bad rows, and what it looked like.
REJECTED_BYTES: Final = Allowance(20_000, 2.0)
# A track is kept in up to 3 kB.
KEPT_BYTES: Final = Allowance(2_000, 40.0)


def size_of(mail: Mail) -> int:
    """Return a message's size in bytes, with its key and headers."""
    headers = sum(len(name) + len(value) for name, value in mail.headers)
    return len(mail.value or b"") + len(mail.key or b"") + headers


class Costs:
    """What one reader's messages have cost since it began."""

    def __init__(self) -> None:
        self._messages = 0
        self._size = 0

    def check(self, mail: Mail, cpu_s: float, *, told: int, rejected: int) -> None:
        """Assert that a message has cost no more than it may; what was sent is in bytes."""
        size = size_of(mail)
        self._messages += 1
        self._size += size
        for what, cost, allowance in (
            ("s of processor time", cpu_s, CPU_S),
            ("bytes told", told, SENT_BYTES),
            ("bytes rejected", rejected, REJECTED_BYTES),
        ):
            assert cost <= allowance.of(1, size), f"{cost} {what} for {size} bytes"

    def check_kept(self, kept_bytes: int) -> None:
        """Assert that no more is kept than may be of all messages."""
        allowed = KEPT_BYTES.of(self._messages, self._size)
        assert kept_bytes <= allowed, f"{kept_bytes} bytes kept of {self._size}"
