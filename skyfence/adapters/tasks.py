"""Runs coroutines side by side that are of no use without one another."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until_first_exit(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run until the first coroutine ends or fails, then cancel the others and wait for them.

    Raises the error of the coroutine that failed, as it is: a task group would wrap it in a group,
    which the command line could not print in one line.
    """
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
