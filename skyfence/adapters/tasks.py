"""Runs coroutines side by side that are of no use without one another."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until_first_exit(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run until one ends or fails, then end the others; raise that one's own error.

    A task group would wrap the error, and who prints it for people would not know it again.
    """
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
