"""Opens a sink with an outbox: webhooks or Apprise, whose receivers stand in a file.

alerts ──▶ relay ──▶ OutboxSink ──▶ outbox ──▶ Dispatcher ──▶ receivers
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from consumers.outbox.outbox import Outbox
from consumers.outgoing.dispatcher import Dispatcher
from consumers.outgoing.reloading import LoadedReceivers, ReloadingSink
from consumers.outgoing.sink import OutboxSink
from consumers.sink import OpenSink
from skyfence.adapters.settings import PREFIX
from skyfence.components.component import Context
from skyfence.errors import UsageError
from skyfence.naming import Environment

Load = Callable[[Path, Environment], Awaitable[LoadedReceivers]]


def receivers_file(given: Path | None, setting: Path | None, variable: str) -> Path:
    """Return the file of receivers, given or set; raise ``UsageError`` where neither is.

    ``variable`` is the setting's name behind ``SKYFENCE_``.
    """
    path = given or setting
    if path is None:
        raise UsageError(f"{PREFIX}{variable}: is not set: who is to hear of alerts?")
    return path


@asynccontextmanager
async def open_outbox_sink(
    name: str, path: Path, load: Load, context: Context
) -> AsyncIterator[OpenSink]:
    """Read the receivers and open their outbox; the sink's group is named after it."""
    environment, clock = context.settings.environment, context.clock

    async def load_again() -> LoadedReceivers:
        return await load(path, environment)

    receivers = await load_again()
    async with Outbox.open_exclusive(receivers.outbox) as outbox:
        spread = Random()  # noqa: S311 - of pauses
        dispatcher = Dispatcher(outbox, name, environment, clock, spread)
        reloading = ReloadingSink(dispatcher, load_again, receivers, clock)
        await dispatcher.requeue_interrupted()  # so that what stands may take its place
        sink = OutboxSink(outbox, dispatcher, environment, clock)
        yield OpenSink(
            sink=sink,
            group=context.settings.topics.sink_group(name),
            background=reloading.run,
            deliver_standing=sink.deliver_standing,
            tells_itself=True,
        )
