"""The one thing that a client of the embedded Kafka broker (noida-db) needs, and no other client.

``skyfence.cli.local.embedded`` starts the broker; this is for the processes that read from it, each
of which is told by ``SKYFENCE_FETCH_PAUSE_MS``; ``skyfence.cli.bootstrap`` asks for it. With Apache
Kafka that is 0, and nothing is done.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiokafka.consumer.fetcher import Fetcher

from skyfence.adapters.settings import Settings

# Private in aiokafka 0.12 to 0.14, and the only place for a pause: no setting has one. It returns
# whether the fetch brought anything.
_FETCH: Final = Fetcher._proc_fetch_request


def pace_fetches(settings: Settings) -> None:
    """Make all consumers of this process pause after each fetch that brought nothing.

    Call it before the first consumer starts; a second call changes nothing. Apache Kafka waits for
    data before it answers; the embedded broker answers at once, so that without a pause each
    consumer asks it 1,200 times a second and takes a third of a processor.
    """
    if not settings.fetch_pause_ms:
        return
    pause_s = settings.fetch_pause_ms / 1000

    async def fetch_then_pause(self: Fetcher, *arguments: Any) -> bool:
        has_records: bool = await _FETCH(self, *arguments)
        if not has_records:
            # The fetcher awaits what it cancelled and expects no CancelledError from it.
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(pause_s)
        return has_records

    Fetcher._proc_fetch_request = fetch_then_pause
