"""What tests of sinks with receivers share: alerts, a clock by hand, a real HTTP server."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from builders import T0, T0_MS, place_alert, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert, AlertMessage, Notify, PlaceLevel, Timeline
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.times import from_ms

LONGEST_S = 20.0  # only ever reached when something is broken
STEPS = ("entered", "confirmed", "exited", "cleared")


def story(
    track: str = "T1",
    environment: Environment = Environment.EXERCISE,
    place: str = "AA",
    decided_ms: int | None = None,
) -> list[AlertMessage]:
    """Return the chain of one object for one place: Alert, Updates, Cancel."""
    manager = IncidentManager(environment, {"AA": "Aland", "AA-1": "Southshire"}, ENGLISH.operators)
    alerts: list[Alert] = []
    for number, kind in enumerate(STEPS, 1):
        event = track_event(kind, number, track_id=track, source=f"radar-{track}".lower())
        alerts += [alert for alert in manager.process(event) if alert.place == place]
    decided = None if decided_ms is None else from_ms(decided_ms)
    line = Timeline(observed=T0, decided=decided)
    return [AlertMessage(alert=alert, timeline=line) for alert in alerts]


# What a place's episode goes through, and whether that sounds.
LEVELS: tuple[tuple[PlaceLevel, Notify], ...] = (
    ("prepare", "sound"),
    ("shelter", "sound"),
    ("watch", "quiet"),
    ("clear", "sound"),
)


def episode(
    number: int = 1,
    environment: Environment = Environment.EXERCISE,
    place: str = "AA",
    decided_ms: int | None = None,
) -> list[AlertMessage]:
    """Return a place's episode: prepare, shelter, quietly watch, clear, a minute after another."""
    decided = None if decided_ms is None else from_ms(decided_ms)
    line = Timeline(observed=T0, decided=decided)
    return [
        AlertMessage(
            alert=place_alert(
                level,
                step,
                place=place,
                environment=environment,
                episode=number,
                at=(at := T0 + timedelta(minutes=step)),
                run="run",
                notify=notify,
                expires=at + timedelta(hours=6),
            ),
            timeline=line,
        )
        for step, (level, notify) in enumerate(LEVELS, 1)
    ]


class HandClock:
    """A clock that stands still until it is moved on, and then wakes whoever waits."""

    def __init__(self, now_ms: int = T0_MS + 60_000) -> None:
        self._now_ms = now_ms
        self._waiting: dict[asyncio.Future[bool], int] = {}

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return self._now_ms

    async def wait(self, event: asyncio.Event, until_ms: int) -> None:
        """Return when the event is set, or the clock has been moved on so far."""
        await asyncio.sleep(0)  # a time that has passed is no reason to keep others from working
        if until_ms <= self._now_ms:
            return
        rung: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[rung] = until_ms
        waiting: asyncio.Future[bool] = asyncio.ensure_future(event.wait())
        try:
            futures: list[asyncio.Future[Any]] = [rung, waiting]
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[rung]
            waiting.cancel()

    def advance(self, span: timedelta) -> None:
        """Move on, and wake those whose time has come."""
        self._now_ms += round(span.total_seconds() * 1000)
        for rung, until_ms in list(self._waiting.items()):
            if until_ms <= self._now_ms and not rung.done():
                rung.set_result(True)


async def until(
    condition: Callable[[], bool | Awaitable[bool]], longest_s: float = LONGEST_S
) -> None:
    """Return when a condition holds, letting everybody else work; fail after a long time."""
    async with asyncio.timeout(longest_s):
        while True:
            holds = condition()
            if (await holds) if not isinstance(holds, bool) else holds:
                return
            await asyncio.sleep(0.005)


class Listener:
    """A real HTTP server on loopback: what came to each path, and what that path answers."""

    def __init__(self) -> None:
        self.got: dict[str, list[tuple[dict[str, str], bytes]]] = defaultdict(list)
        self.answers: dict[str, Callable[[int], Awaitable[web.Response]]] = {}
        self.release = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Keep a request, and answer as its path does: 204 where nothing else was said."""
        name = request.path.strip("/")
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.got[name].append((headers, await request.read()))
        answer = self.answers.get(name)
        return web.Response(status=204) if answer is None else await answer(len(self.got[name]))

    def says(self, name: str, *statuses: int, **headers: str) -> None:
        """Have a path answer these, one after the other, the last for ever."""

        async def answer(times: int) -> web.Response:
            return web.Response(
                status=statuses[min(times, len(statuses)) - 1],
                headers={key.replace("_", "-"): value for key, value in headers.items()},
            )

        self.answers[name] = answer

    def hangs(self, name: str) -> None:
        """Have a path answer nothing before ``release``."""

        async def answer(_: int) -> web.Response:
            await self.release.wait()
            return web.Response(status=204)

        self.answers[name] = answer


@asynccontextmanager
async def listening(**server: Any) -> AsyncIterator[Listener]:
    """Run a listener on a port that the kernel chooses."""
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{name:.*}", listener.handle)
    async with TestServer(app, host="127.0.0.1") as running:
        listener.url = str(running.make_url("/")).rstrip("/")
        yield listener
        listener.release.set()
