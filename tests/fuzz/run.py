"""Damage valid messages at random and hand them to what reads them: nothing may crash or vanish.

    python tests/fuzz/run.py --messages 1000000 --seed 1

Each part runs in a process of its own, because a fault in native code kills the process. Whatever
is decoded is judged, too: by a tracker, an incident book, a public text. What is not must be
refused with a reason. Exit status 1 if a process ended otherwise, with its seed and its last words.
"""

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

from builders import T0_MS, flight, track_event, world
from mutate_arrow import damage
from pydantic import ValidationError

from skyfence.airspace import Airspace
from skyfence.alert import AlertMessage, Timeline, parse_alert
from skyfence.book import IncidentBook
from skyfence.channels import Environment
from skyfence.decode import Message, decode_message, encode_frame
from skyfence.errors import InputError
from skyfence.frame import frame_of
from skyfence.track_event import parse_event
from skyfence.tracking import Tracker

EXERCISE = Environment.EXERCISE
_REASONS = (InputError, ValidationError)
# State grows with what is decoded; a fresh one now and then keeps a run short.
_FRESH_EVERY = 2_000
Target = Callable[[random.Random], None]


def frames(json: bool) -> Target:
    """Return a target that damages frames, headers and keys, and judges what decodes."""
    reports = flight(0, 26.95, 90.0, reports=8)
    airspace = Airspace(world())
    key, value, headers = encode_frame(frame_of(reports, key="radar", run="run"))
    if json:
        value = b"[" + b",".join(one.model_dump_json().encode() for one in reports) + b"]"
        headers = [("content-type", b"application/json"), ("run", b"run")]
    tracker = Tracker(airspace, EXERCISE)
    count = 0

    def judge(draw: random.Random) -> None:
        nonlocal tracker, count
        count += 1
        if count % _FRESH_EVERY == 0:
            tracker = Tracker(airspace, EXERCISE)
        given = {name: damage(one, draw) if draw.random() < 0.1 else one for name, one in headers}
        own_key = damage(key, draw) if draw.random() < 0.05 else key
        message = Message(own_key, damage(value, draw), given, T0_MS + 60_000)
        tracker.take(decode_message(message, EXERCISE).frame)

    return judge


def events(draw_from: tuple[str, ...] = ("threatened", "entered", "updated", "exited")) -> Target:
    """Return a target that damages track events and tells what decodes."""
    values = [track_event(kind, n).to_json() for n, kind in enumerate(draw_from, 1)]
    book, count = IncidentBook(EXERCISE, {}), 0

    def tell(draw: random.Random) -> None:
        nonlocal book, count
        count += 1
        if count % _FRESH_EVERY == 0:
            book = IncidentBook(EXERCISE, {})
        book.take(parse_event(damage(draw.choice(values), draw)))

    return tell


def alerts() -> Target:
    """Return a target that damages alerts as the relay reads them."""
    [alert, *_] = IncidentBook(EXERCISE, {}).take(track_event("entered", 1))
    value = alert.to_json()

    def read(draw: random.Random) -> None:
        AlertMessage(alert=parse_alert(damage(value, draw)), timeline=Timeline()).to_json()

    return read


TARGETS: dict[str, Callable[[], Target]] = {
    "arrow": lambda: frames(json=False),
    "json": lambda: frames(json=True),
    "events": events,
    "alerts": alerts,
}


def fuzz(name: str, seed: int, count: int) -> None:
    """Run one target; print what became of the messages."""
    draw, target, found = random.Random(seed), TARGETS[name](), Counter[str]()
    for number in range(count):
        if number % 1_000 == 0:
            print(f"{name} seed {seed} message {number}", flush=True)
        try:
            target(draw)
            found["decoded"] += 1
        except _REASONS as error:
            assert str(error), "refused without a reason"
            found["refused"] += 1
    assert found.total() == count
    print(f"{name}: {count} messages, {found['decoded']} decoded, {found['refused']} refused")


def main() -> int:
    """Run every target in processes of its own."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=1_000_000, help="of all targets together")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--target", choices=TARGETS, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.target:
        fuzz(given.target, given.seed, given.messages)
        return 0
    start_s, each, failed = time.monotonic(), given.messages // len(TARGETS), 0
    for name in TARGETS:
        command = [sys.executable, __file__, "--target", name, "--seed", str(given.seed)]
        done = subprocess.run(
            [*command, "--messages", str(each)], capture_output=True, text=True, check=False
        )
        last = done.stdout.strip().splitlines()[-1:]
        print(*last, flush=True)
        if done.returncode:
            failed += 1
            print(f"{name} ended with {done.returncode}:\n{done.stderr[-3_000:]}")
    print(f"{time.monotonic() - start_s:.0f} s, {failed} of {len(TARGETS)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
