"""How late the last of many subscribers hears an alert: python bench/subscribers.py [--json].

A real Valkey, real sockets. The relay's own sink delivers one alert after the other, at a steady
pace; another process holds the subscribers, plain sockets, and notes when each has been told. The
delay is from the call of ``deliver`` to the last one's message, the reading included: the harness
says what that costs it. Then the same with one subscriber who reads nothing, and how long Redis
bears with that one when alerts are large.

    deliver ──▶ Valkey ──▶ 1,000 sockets, one process
                     └───▶ one that does not read
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import selectors
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from redis.asyncio import Redis

from consumers.channels.sink import RedisChannels
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.cli.local import embedded
from skyfence.contracts.alert import Alert, AlertMessage, Timeline, parse_alert
from skyfence.errors import SkyfenceError
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment

CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "RO-TL")
PATTERN = Path(__file__).parents[1] / "tests" / "golden" / "romania-2024-09-08.jsonl"
MARK = b"$7\r\nmessage\r\n"  # in what Redis sends of each message
WARM = 20  # messages not counted
# Bytes of a description, so that a buffer fills in seconds; of more than 16 kB Valkey 9 keeps one
# copy for all, and counts it for no client.
LARGE = 10_000
MOST_LARGE = 2_000
SMALL = 4_096  # bytes that the kernel takes for one who does not read


def login(settings: Settings) -> tuple[int, str]:
    """Return the port and the password of the embedded Valkey."""
    password, port = settings.redis.password, urlsplit(settings.redis.url).port
    if password is None or port is None:
        raise ValueError("not the embedded valkey")
    return port, password.get_secret_value()


def subscribed(port: int, password: str, buffer: int | None = None) -> socket.socket:
    """Return a socket that is subscribed, with a buffer that the kernel does not let grow."""
    connection = socket.socket()
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.connect((embedded.HOST, port))
    for words in (("AUTH", password), ("SUBSCRIBE", CHANNEL.name)):
        parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        connection.sendall(f"*{len(words)}\r\n{parts}".encode())
        if not connection.recv(4096):
            raise ConnectionError("redis closed the connection")
    return connection


def hear(port: int, password: str, subscribers: int, messages: int, told: Connection) -> None:
    """Hold the subscribers; send when the last of them had each message, and what reading cost."""
    selector = selectors.EpollSelector()
    for _ in range(subscribers):
        subscriber = subscribed(port, password)
        subscriber.setblocking(False)
        selector.register(subscriber, selectors.EVENT_READ, (subscriber, [0]))
    told.send("subscribed")
    last_ns, missing = [0] * messages, subscribers * messages
    start_s = time.process_time()
    while missing:
        for key, _ in selector.select():
            subscriber, heard = key.data
            for _ in range(subscriber.recv(1 << 20).count(MARK)):
                last_ns[heard[0]] = time.monotonic_ns()
                heard[0] += 1
                missing -= 1
    told.send((last_ns, (time.process_time() - start_s) / messages))


def alert(number: int, description: str | None = None) -> AlertMessage:
    """Return the first alert of the n-th incident."""
    alerts = map(parse_alert, PATTERN.read_bytes().splitlines())
    pattern = next(alert for alert in alerts if isinstance(alert, Alert))
    own = {
        "alert_id": derive("alert", number),
        "incident_id": derive("incident", number),
        "channel": CHANNEL.name,
        "place": CHANNEL.place,
        "description": description or pattern.description,
    }
    return AlertMessage(
        alert=pattern.model_copy(update=own), timeline=Timeline(observed=pattern.time)
    )


async def delays(
    settings: Settings, subscribers: int, alerts: list[AlertMessage], pace_s: float
) -> tuple[np.ndarray, float]:
    """Return the last one's delay of each alert, milliseconds, and the harness's cost of one."""
    ours, theirs = multiprocessing.Pipe()
    given = (*login(settings), subscribers, len(alerts), theirs)
    child = multiprocessing.get_context("spawn").Process(target=hear, args=given, daemon=True)
    child.start()
    await asyncio.to_thread(ours.recv)
    sink, sent_ns = await RedisChannels.open(settings), []
    for message in alerts:
        sent_ns.append(time.monotonic_ns())
        await sink.deliver(message)
        await asyncio.sleep(pace_s)
    last_ns, cost_s = await asyncio.to_thread(ours.recv)
    await sink.close()
    child.join()
    return (np.array(last_ns) - np.array(sent_ns))[WARM:] / 1e6, cost_s


async def until_cut(settings: Settings, redis: Redis) -> dict[str, float]:
    """Deliver large alerts to one who does not read, until Redis cuts it off."""
    sink, start_s = await RedisChannels.open(settings), time.monotonic()
    most = 0
    try:
        for number in range(MOST_LARGE):
            await sink.deliver(alert(1_000_000 + number, "x" * LARGE))
            waiting = [int(client["omem"]) for client in await redis.client_list(_type="pubsub")]
            if not waiting:
                seconds = time.monotonic() - start_s
                return {"alerts": number, "mb": round(most / 1e6, 1), "seconds": round(seconds, 1)}
            most = max(most, *waiting)
    finally:
        await sink.close()
    raise RuntimeError(f"redis did not cut it off: {most} bytes wait for it")


async def measure(settings: Settings, given: argparse.Namespace) -> dict[str, object]:
    """Run all three measurements, each on a stream of its own."""
    redis = await connect(settings)
    results: dict[str, object] = {}
    count = given.messages + WARM
    for turn, name in enumerate(("alone", "one stalled", "alone again", "one stalled again")):
        stalled = subscribed(*login(settings), SMALL) if "stalled" in name else None
        alerts = [alert(turn * count + number) for number in range(count)]
        delays_ms, cost_s = await delays(settings, given.subscribers, alerts, given.pace)
        p50, p99, most = np.percentile(delays_ms, (50, 99, 100)).round(1).tolist()
        cost_ms = round(1e3 * cost_s, 1)
        results[name] = {"p50_ms": p50, "p99_ms": p99, "max_ms": most, "harness_ms": cost_ms}
        if stalled is not None:
            stalled.close()
    stalled = subscribed(*login(settings), SMALL)
    results["stalled, cut off after"] = await until_cut(settings, redis)
    stalled.close()
    await redis.aclose()
    return results


def main(given: argparse.Namespace) -> None:
    """Start a Valkey, measure, and print."""
    with own_valkey() as settings:
        results = asyncio.run(measure(settings, given))
    if given.json:
        print(json.dumps(results))
        return
    print(f"{given.subscribers} subscribers, {given.messages} alerts, one every {given.pace} s")
    for name, result in results.items():
        print(f"{name:>24}: {result}")


@contextmanager
def own_valkey() -> Iterator[Settings]:
    """Yield settings that reach a Valkey of this process's own, killed at the end."""
    password, port = embedded.new_password(), embedded.free_port()
    settings = Settings(
        environment=Environment.EXERCISE,
        redis=RedisSettings(url=f"redis://{embedded.HOST}:{port}/0", password=password),
    )
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.valkey(port, Path(folder), password, None)
        process = subprocess.Popen(server.command.arguments)  # noqa: S603 - our own server
        try:
            asyncio.run(answering(server))
            yield settings
        finally:
            process.kill()
            process.wait()


async def answering(server: embedded.EmbeddedServer) -> None:
    """Return when a server answers."""
    async with asyncio.timeout(20):
        while True:
            try:
                await server.answers()
            except SkyfenceError:
                await asyncio.sleep(0.05)
            else:
                return


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How late the last subscriber hears an alert.")
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between two alerts")
    parser.add_argument("--json", action="store_true")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    main(parser.parse_args())
