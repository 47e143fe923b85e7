"""How many alerts a second Redis takes from the relay: python bench/relay.py [--alerts 2000].

A real Valkey that writes each call to the disk before it answers (``appendfsync always``). The
relay's sink is handed the same kind of alerts one by one and a hundred at once, in turns of one
run, so that a machine that is busy slows both. Kafka is not part of it.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence

from subscribers import alert, own_valkey

from consumers.channels.sink import RedisChannels
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage

ROUNDS = 3


async def alerts_per_s(sink: RedisChannels, alerts: Sequence[AlertMessage], at_once: int) -> float:
    """Return how many alerts a second the sink takes, handed over so many at once."""
    start_s = time.perf_counter()
    for first in range(0, len(alerts), at_once):
        results = await sink.deliver_all(alerts[first : first + at_once])
        if None in results:
            raise RuntimeError("an alert was no news: the measurement is worth nothing")
    return len(alerts) / (time.perf_counter() - start_s)


async def measure(settings: Settings, count: int) -> None:
    """Print the rates of each round."""
    sink = await RedisChannels.open(settings)
    made = 0
    for _ in range(ROUNDS):
        rates = []
        for at_once in (1, 100):
            alerts = [alert(made + number) for number in range(count)]
            made += count
            rates.append(await alerts_per_s(sink, alerts, at_once))
        print(f"one by one {rates[0]:6,.0f}/s   a hundred at once {rates[1]:6,.0f}/s")
    await sink.close()


def main(count: int) -> None:
    """Start a Valkey and measure."""
    with own_valkey() as settings:
        asyncio.run(measure(settings, count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How many alerts a second Redis takes.")
    parser.add_argument("--alerts", type=int, default=2_000)
    main(parser.parse_args().alerts)
