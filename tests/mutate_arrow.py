"""Damage a valid Arrow stream at random and decode it, in a process that may crash.

    PYTHONPATH=.:tests python tests/mutate_arrow.py SEED COUNT

The seed and the number of the mutation are printed before each thousand and at a failure. A crash
shows as an exit code; an exception other than InputError as its traceback.
"""

import random
import sys

from builders import report

from skyfence import arrow, columns
from skyfence.errors import InputError
from skyfence.frame import batch_of

# What lengths and offsets are damaged to: the ends of their types and what is near a real one.
_WORDS = (0, 1, 7, 8, 64, 10_000, 10_001, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -1, -8)


def damage(value: bytes, source: random.Random) -> bytes:
    """Return the bytes with some of them changed, and one time in ten cut short."""
    damaged = bytearray(value)
    for _ in range(source.choice((1, 1, 1, 2, 4, 16))):
        width = min(source.choice((1, 1, 1, 2, 4, 8)), len(value))
        at = source.randrange(len(value) // width) * width
        word = source.choice((source.randrange(256), source.choice(_WORDS)))
        damaged[at : at + width] = (word % 2**64).to_bytes(8, "little")[:width]
    if source.random() < 0.1:
        del damaged[source.randrange(len(damaged)) :]
    return bytes(damaged)


def main(seed: int, count: int) -> None:
    """Decode many damaged streams and use what decodes."""
    source = random.Random(seed)
    reports = [
        report(track_id=f"T{n}", altitude_m=n or None, callsign="RYR12" if n % 2 else None)
        for n in range(5)
    ]
    value = arrow.encode(batch_of(reports))
    decoded = 0
    for number in range(count):
        if number % 1_000 == 0:
            print(f"seed {seed} mutation {number}", flush=True)  # noqa: T201
        try:
            batch = columns.canonical(arrow.decode(damage(value, source)))
        except InputError:
            continue
        columns.bad_rows(batch, "radar")
        decoded += 1
    print(f"{count} mutations, {decoded} decoded, seed {seed}")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
