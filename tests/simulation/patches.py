"""What of the real modules is replaced while a world runs: clocks, chance, and the edges of I/O.

Everything between is the code that is shipped. ``monkey`` undoes it all.
"""

import time
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pytest
import structlog
from simulation.driver import SimulatedApp
from simulation.kafka_clients import SimulatedConsumer, SimulatedProducer, SimulatedProgress
from simulation.recording import airspace
from simulation.webhooks import no_session

from consumers import monitor, relay
from consumers.judging import JudgingWatch
from consumers.outbox import database as outbox_database
from consumers.outgoing import opening as outbox_opening
from consumers.webhooks import component as webhook_component
from consumers.webhooks import endpoint as webhook_endpoint
from skyfence.adapters import backoff, stored_records
from skyfence.adapters.clock import SteadyClock
from skyfence.adapters.settings import Settings
from skyfence.cli import desk as desk_command
from skyfence.cli import monitor as monitor_command
from streams import app, checkpoint, log_break, partition_state, state_loading
from streams.turns import Turns

if TYPE_CHECKING:
    from simulation.world import World


# About what a row at the border takes.
_STEP_S: Final = 0.001


class _NoFreeze:
    """In the place of ``gc``: what is frozen is never collected, and worlds come and go."""

    def isenabled(self) -> bool:
        return False

    def disable(self) -> None: ...

    def enable(self) -> None: ...

    def freeze(self) -> None: ...


class _DrawnClock:
    """In the place of the processor's clock: how long work takes is drawn, and is the same again.

    Some turns end after one step of work, others after tens of them.
    """

    def __init__(self, seed: int) -> None:
        self._draw = Random(seed)
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += self._draw.expovariate(1 / _STEP_S)
        return self._now_s


def install(monkey: pytest.MonkeyPatch, world: "World") -> None:
    """Put a world in the place of the real one."""
    loop, kafka, groups = world.loop, world.kafka, world.groups
    monkey.setattr(time, "time", world.wall_s)
    monkey.setattr(time, "monotonic", loop.time)
    consumer = partial(SimulatedConsumer, kafka, groups)
    for module in (checkpoint, log_break, stored_records, relay, monitor):
        monkey.setattr(module, "AIOKafkaConsumer", consumer)
    for sender in (relay, monitor, desk_command):
        monkey.setattr(sender, "producer", lambda _: SimulatedProducer(kafka))
    monkey.setattr(monitor, "GroupProgress", partial(SimulatedProgress, kafka, groups))
    monkey.setattr(relay, "JudgingWatch", partial(JudgingWatch, loop.time))

    async def committed_text(_: Settings, group: str, partition: Any) -> str:
        await kafka.until_back()
        return groups[group].committed.get(partition, (0, ""))[1]

    monkey.setattr(checkpoint, "committed_text", committed_text)

    def new_app(settings: Settings) -> SimulatedApp:
        return SimulatedApp(kafka, groups[settings.topics.worker_group], settings)

    monkey.setattr(app, "new_app", new_app)
    monkey.setattr(app, "Airspace", lambda _: airspace())
    clock = partial(SteadyClock, world.wall_s, loop.time)
    for module in (app, monitor, desk_command):
        monkey.setattr(module, "SteadyClock", clock)
    for module in (monitor_command, desk_command):
        monkey.setattr(module, "uuid4", lambda: UUID(int=world.draw.getrandbits(128), version=4))
    monkey.setattr(state_loading, "gc", _NoFreeze())
    turns = partial(Turns, _DrawnClock(world.draw.getrandbits(64)))
    for module in (app, partition_state):
        monkey.setattr(module, "Turns", turns)
    monkey.setattr(backoff, "Random", lambda: Random(world.draw.getrandbits(64)))

    monkey.setattr(outbox_database, "aiosqlite", SimpleNamespace(connect=world.disk.connect))
    monkey.setattr(outbox_opening, "Random", lambda: Random(world.draw.getrandbits(64)))
    monkey.setattr(webhook_endpoint, "post", world.endpoint.post)
    monkey.setattr(webhook_component, "open_session", no_session)

    def keep(_: Any, __: str, event: Any) -> Any:
        world.logged(event)
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.processors.format_exc_info, keep], cache_logger_on_first_use=False
    )
