"""The webhook sink in a world, with one endpoint that may be away, or whose answers get lost.

alerts ──▶ relay ──▶ outbox on a ``Disk`` ──▶ dispatcher ──▶ Endpoint
"""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from consumers.outgoing.dispatcher import DeliveryOutcome
from consumers.webhooks.cloud_event import CloudEvent
from consumers.webhooks.component import COMPONENT, WebhookOptions
from consumers.webhooks.http_post import judge
from skyfence.cli.sink import run_opened
from skyfence.components.component import Context
from skyfence.contracts.alert import AnyAlert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulation.world import World

_MOST_DELAY_S: Final = 0.2
_FILES: Final = {
    "webhooks.toml": 'environment = "exercise"\noutbox = "outbox.db"\n[[endpoint]]\nname = "post"\n'
    'url = "https://post.example/hook"\nsecret_files = ["secret"]\n',
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


@dataclass(frozen=True)
class Taken:
    """An alert that the endpoint has taken, and when."""

    at_s: float
    alert: AnyAlert


class Endpoint:
    """The endpoint; ``post`` stands in the place of ``consumers.webhooks.http_post.post``."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self.is_away = False
        self.loses_answers = False
        self.taken: list[Taken] = []

    async def post(
        self, _: Any, __: str, body: bytes, ___: Any, *, timeout_s: float, **____: Any
    ) -> DeliveryOutcome:
        """Take an event, or do not; return what the sink makes of the answer."""
        await asyncio.sleep(self._draw.uniform(0.0, _MOST_DELAY_S))
        if self.is_away:
            return judge(503)
        now_s = asyncio.get_running_loop().time()
        self.taken.append(Taken(now_s, CloudEvent.model_validate_json(body).data.alert))
        if self.loses_answers and self._draw.random() < 0.5:
            await asyncio.sleep(timeout_s)
            return DeliveryOutcome("away", f"no answer in time ({timeout_s:g} s)")
        await asyncio.sleep(self._draw.uniform(0.0, _MOST_DELAY_S))
        return judge(204)


@asynccontextmanager
async def no_session() -> "AsyncIterator[None]":
    """Stand in the place of the HTTP client."""
    yield None


async def webhooks(world: "World") -> None:
    """Send webhooks, as ``skyfence sink webhooks`` does."""
    settings = world.settings.changed(worker_slot="webhooks")
    path = world.disk.begin(_FILES) / "webhooks.toml"
    async with COMPONENT.open(WebhookOptions(file=path), Context(settings=settings)) as opened:
        await run_opened(settings, opened)
