"""What every process of skyfence is given, so that no command repeats it.

    settings ──▶ bounds, embedded broker's pause ──▶ logs, metrics ──▶ topics ──▶ work ──▶ exit code

- SIGTERM, SIGINT and SIGHUP end ``work`` by cancelling it, which is a good end: exit code 0.
- ``UsageError`` ends with 2, ``UnavailableError`` with 3, ``InputError`` with 1, each with one line
  on standard error (``skyfence.cli.main``); anything else is a defect and keeps its traceback.
- ``keep_open`` opens a component again when what it depends on fails, with growing pauses.

The health file is refreshed by whoever can tell that the process does its work: the relay, the
monitor, the desk, the worker, and for a source ``skyfence.cli.source``.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import structlog

from skyfence.adapters import health_file, logs, metrics
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.record_batches import bound_batches
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.adapters.watchdog import WATCHDOG
from skyfence.cli.local.fetch_pause import pace_fetches
from skyfence.cli.local.signals import until_told_to_stop
from skyfence.components.registry import AnyComponent
from skyfence.errors import UnavailableError

log = structlog.get_logger()

# Nothing for the group, nothing for others.
PRIVATE: Final = 0o077
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
_WELL_AFTER_S: Final = 60.0  # what was open for this long has earned a quick new start

# What ``keep_open`` runs: calls what it is given when the component is open, returns at its end.
NoteOpen = Callable[[], None]
Attempt = Callable[[NoteOpen], Awaitable[None]]


def configure(settings: Settings, process: str) -> None:
    """Set up what needs no connection: the logs, the metrics, how batches are read.

    What the process writes from now on is its user's own: outboxes hold people's numbers.
    """
    os.umask(PRIVATE)
    bound_batches()
    pace_fetches(settings)
    logs.quiet_at_start()
    logs.configure(process, settings.environment)
    metrics.serve(settings, process)
    health_file.clear(settings.health_file)


async def reach_kafka(settings: Settings, *, patient: bool = False) -> None:
    """Make and check the topics; then the Kafka client may speak for itself.

    Who is ``patient`` waits for topics that another process is to make.
    """
    await ensure_topics(settings, patient=patient)
    logs.started()


def serve(
    settings: Settings,
    process: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    *,
    checks_first: bool = False,
    patient: bool = False,
) -> None:
    """Do a process's work until it ends or a signal ends it.

    Work that ``checks_first`` looks at its own files and calls ``reach_kafka`` itself, so that who
    starts it hears of a wrong file even while Kafka is away. Who is ``patient`` waits for topics,
    as processes do that are started beside the worker.
    """
    configure(settings, process)

    async def reach_and_work() -> None:
        if not checks_first:
            await reach_kafka(settings, patient=patient)
        await work()

    async def watched() -> None:
        WATCHDOG.watch_loop(asyncio.get_running_loop())
        await until_told_to_stop(reach_and_work())

    with WATCHDOG.watching(settings, process):
        asyncio.run(watched())


async def keep_open(
    component: AnyComponent,
    attempt: Attempt,
    *,
    patient: bool,
    again: bool = True,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Open a component and let it work; open it again, with growing pauses, when it fails.

    Returns when the attempt does. Raises what is permanent, and, unless ``patient``, also the
    ``UnavailableError`` of a component that never was open: whoever starts it sees it at once.
    One that must not be opened ``again`` fails for good.
    """
    loop, backoff = asyncio.get_running_loop(), Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    been_open, about = False, {"kind": component.kind, "component": component.name}

    def note_open() -> None:
        nonlocal been_open
        been_open = True
        log.info("component.opened", **about)

    while True:
        began_s = loop.time()
        WATCHDOG.note_work()
        try:
            await attempt(note_open)
        except UnavailableError as error:
            if not again or not (patient or been_open):
                raise
            if loop.time() - began_s > _WELL_AFTER_S:
                backoff.reset()
            pause_s = backoff.next_s()
            metrics.COMPONENT_FAILURES.labels(component.kind, component.name).inc()
            log.warning(
                "component.failed", reason=str(error), again_in_s=round(pause_s, 1), **about
            )
            WATCHDOG.note_work()
            await sleep(pause_s)
        else:
            log.info("component.ended", **about)
            return
