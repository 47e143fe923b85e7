"""How soon people are told when many drones come at once: python bench/raid.py [--drones 300].

The whole path as its user runs it: ``skyfence up`` with the default zones, and a policy by which
the public is told at once. One source shows so many drones on their way from Belarus into Latvia,
all in one frame, and each minute once more. A frame is sent when all has been told of the last one.
Prints for each, counted from its sending, when the regions' public was told to take shelter, and
when the last message came. The first frame waits for the worker to load what it needs. Other
processes make it slower: the machine's load is printed, too.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.cli.local import runtime_file
from skyfence.client.feed import AlertFeed, Received
from skyfence.contracts.channel_message import OperatorsMessage, PublicMessage
from skyfence.naming import Audience, Channel, Environment
from skyfence.times import format_time, from_ms

# The border between Latvia and Belarus is nearly this line; all fly north, at 80 m/s.
WEST, EAST = (26.65, 55.70), (28.15, 56.15)
STEP_DEG, STEP_S = 0.043, 60.0
FIRST_STEP, LAST_STEP = -5, 2  # minutes before the border, and behind it
PLACES = ("NATO", "LV", "LV-047", "LV-058", "LV-073", "LV-111")
QUIET_S = 2.0  # the desk publishes, and Redis tells
LONGEST_S = 180.0
POLICY = 'version = "bench"\n\n[public]\nmode = "automatic"\n'


@contextmanager
def skyfence_up(folder: Path) -> Iterator[Settings]:
    """Yield the settings that reach a running ``skyfence up``; end it."""
    policy = folder / "policy.toml"
    policy.write_text(POLICY)
    os.environ |= {"XDG_STATE_HOME": str(folder), "SKYFENCE_POLICY": str(policy)}
    log = folder / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "skyfence", "up"]
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603
        try:
            until_s = time.monotonic() + LONGEST_S
            while b"Ctrl-C ends" not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > until_s:
                    raise RuntimeError(log.read_text(errors="replace"))
                time.sleep(0.2)
            yield runtime_file.reach(Environment.EXERCISE)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def frame(drones: int, step: int) -> bytes:
    """Return a frame of all drones, so many steps behind the border."""
    when = format_time(from_ms(round((time.time() + (step - LAST_STEP) * STEP_S) * 1000)))
    rows = []
    for number in range(drones):
        share = number / drones
        lon, lat = (west + (east - west) * share for west, east in zip(WEST, EAST, strict=True))
        place = {"lat": lat + step * STEP_DEG, "lon": lon}
        rows.append({"time": when, "source": "radar", "track_id": f"D{number}"} | place)
    return json.dumps(rows).encode()


class Listener:
    """Hears what operators and the public of the regions are told, and when."""

    def __init__(self, feed: AlertFeed) -> None:
        self._feed = feed
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._begun_s = time.monotonic()
        self.shelter_s: dict[str, float] = {}  # by region, when its public was told
        self.count, self.last_s = 0, 0.0

    async def listen(self) -> None:
        """Listen until cancelled."""
        async for event in self._feed:
            if not isinstance(event, Received):
                continue
            message, at_s = event.message, time.monotonic() - self._begun_s
            if isinstance(message, PublicMessage) and message.alert.level == "shelter":
                self.shelter_s.setdefault(message.alert.region, at_s)
            if isinstance(message, OperatorsMessage | PublicMessage):
                self.count, self.last_s = self.count + 1, at_s


async def measure(settings: Settings, drones: int) -> None:
    """Send one frame after the other, each when all is told of the last; print what came of it."""
    channels = [
        Channel(settings.environment, audience, place) for place in PLACES for audience in Audience
    ]
    async with (
        AIOKafkaProducer(**kafka_options(settings)) as producer,
        AlertFeed(settings, channels) as feed,
        GroupProgress(settings) as progress,
    ):
        listener = Listener(feed)
        listening = asyncio.create_task(listener.listen())
        for step in range(FIRST_STEP, LAST_STEP + 1):
            listener.begin()
            value = frame(drones, step)
            await producer.send_and_wait(settings.topics.tracks, value, key=b"radar")
            async with asyncio.timeout(LONGEST_S):
                await progress.drained()
            await asyncio.sleep(QUIET_S)
            told = [f"{region} {at_s:.2f} s" for region, at_s in listener.shelter_s.items()]
            print(
                f"{(step - FIRST_STEP) * STEP_S:5.0f} s  load {os.getloadavg()[0]:4.1f}  "
                f"{listener.count:5} messages, the last after {listener.last_s:5.2f} s  "
                f"public told to take shelter: {', '.join(told) or 'nowhere'}",
                flush=True,
            )
        listening.cancel()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drones", type=int, default=300)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, skyfence_up(Path(folder)) as settings:
        asyncio.run(measure(settings, chosen.drones))


if __name__ == "__main__":
    main()
