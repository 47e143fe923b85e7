"""The examples as operators' processes against a real Valkey: every alert once, over cuts."""

import asyncio
import hashlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import npm
import pytest
from proc import Processes
from redis_server import Server
from repository import ROOT
from talk import LONGEST_S, golden

from consumers.channels.sink import RedisChannels
from skyfence.adapters.redis import connect
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment
from skyfence.operators.accounts import Operator, rules, user_name

pytestmark = pytest.mark.integration

EXAMPLES = ROOT / "examples"
CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "AA")
PATTERN = golden("romania-2024-09-08.jsonl")[0]
OPERATOR = Operator(name="anna", channels=(CHANNEL.place,), created=PATTERN.time)
USER = user_name(CHANNEL.environment, OPERATOR.name)
SECRET = "a secret of the test's"


def python(_: Path) -> Sequence[str]:
    return [sys.executable, str(EXAMPLES / "python" / "alerts.py")]


def javascript(folder: Path) -> Sequence[str]:
    modules = npm.modules()
    (folder / "node_modules").symlink_to(modules)  # modules are looked for beside the program
    program = shutil.copy(EXAMPLES / "javascript" / "alerts.mjs", folder)
    return ["node", str(program)]


@pytest.fixture
def server(processes: Processes, tmp_path: Path) -> Server:
    return Server(processes, tmp_path)


class Relay:
    """Who publishes on a Valkey, and cuts off or kills what listens to it."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def start(self) -> None:
        self._redis = await connect(self._server.settings)
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        redis: Any = self._redis
        await redis.execute_command(
            "ACL", "SETUSER", USER, *rules(CHANNEL.environment, OPERATOR, digest)
        )
        self._sink = await RedisChannels.open(self._server.settings)

    async def close(self) -> None:
        await self._sink.close()
        await self._redis.aclose()

    async def restart(self) -> None:
        await self.close()
        await asyncio.to_thread(self._server.restart)
        await self.start()

    async def cut(self) -> None:
        await self._redis.client_kill_filter(_type="pubsub")

    async def beat(self) -> None:
        await self._sink.beat(0)

    async def publish(self, numbers: range) -> None:
        for number in numbers:
            await self._sink.deliver(alert(number))

    @property
    def login(self) -> dict[str, str]:
        """Return how an operator with no more rights than all have reaches it."""
        url = self._server.settings.redis.url
        return {"EXERCISE": "1", "REDIS_URL": url, "REDIS_USER": USER, "REDIS_PASSWORD": SECRET}


def alert(number: int) -> AlertMessage:
    """Return the first step of the n-th incident's chain on AA."""
    own = {
        "alert_id": derive("alert", number),
        "incident_id": derive("test", number),
        "channel": CHANNEL.name,
        "place": CHANNEL.place,
        "step": 1,
        "references": (),
    }
    return AlertMessage(
        alert=PATTERN.model_copy(update=own), timeline=Timeline(observed=PATTERN.time)
    )


class Client:
    """An example that runs: what it printed, and what it said of its connection."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._more = asyncio.Event()
        self.printed: list[bytes] = []
        self.said: list[bytes] = []

    async def _collect(self, stream: asyncio.StreamReader | None, lines: list[bytes]) -> None:
        assert stream is not None
        async for line in stream:
            lines.append(line)
            self._more.set()

    async def listen(self) -> None:
        await asyncio.gather(
            self._collect(self._process.stdout, self.printed),
            self._collect(self._process.stderr, self.said),
        )

    async def until(self, what: Callable[[], bool], relay: Relay) -> None:
        """Wait for something, with signs of life meanwhile."""
        try:
            async with asyncio.timeout(LONGEST_S):
                while not what():
                    await relay.beat()
                    self._more.clear()
                    _, pending = await asyncio.wait(
                        [asyncio.create_task(self._more.wait())], timeout=0.1
                    )
                    for task in pending:
                        task.cancel()
        except TimeoutError:
            pytest.fail(f"{len(self.printed)} printed, said {self.said}")

    async def until_printed(self, count: int, relay: Relay) -> None:
        """Wait until it has printed so many alerts."""
        await self.until(lambda: len(self.printed) >= count, relay)

    async def until_live(self, times: int, relay: Relay) -> None:
        await self.until(lambda: self.said.count(b"LIVE\n") == times, relay)
        self._lives = times

    async def live_again(self, relay: Relay) -> None:
        await self.until_live(self._lives + 1, relay)

    @property
    def ids(self) -> list[str]:
        return [json.loads(line)["alert"]["alert_id"] for line in self.printed]


@asynccontextmanager
async def running(command: Sequence[str], relay: Relay) -> AsyncIterator[Client]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command,
        CHANNEL.place,
        env=os.environ | relay.login,
        stdout=pipe,
        stderr=pipe,
        limit=2**20,
    )
    client = Client(process)
    task = asyncio.create_task(client.listen())
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await task


@pytest.mark.parametrize("command", [python, javascript], ids=["python", "javascript"])
async def test_an_example_tells_every_alert_once_and_in_order(
    command: Callable[[Path], Sequence[str]], server: Server, tmp_path: Path
) -> None:
    """300 alerts over 5 cuts and a restart of Redis: 300 lines, what stood before it came first."""
    words, relay = command(tmp_path), Relay(server)
    await relay.start()
    await relay.publish(range(50))
    async with running(words, relay) as client:
        await client.until_live(1, relay)
        for start in range(50, 300, 50):
            await relay.cut()
            await relay.publish(range(start, start + 25))  # while nobody hears
            await client.live_again(relay)
            await client.until_printed(start + 25, relay)
            await relay.publish(range(start + 25, start + 50))
            if start == 150:
                await relay.restart()
                await client.live_again(relay)
        await client.until_printed(300, relay)
    await relay.close()
    assert client.ids == [str(derive("alert", number)) for number in range(300)]


@pytest.mark.parametrize("program", ["python/alerts.py", "javascript/alerts.mjs"])
def test_an_example_is_short(program: str) -> None:
    """An example stays under 65 lines, so that it is read as a whole."""
    assert len((EXAMPLES / program).read_text().splitlines()) < 65
