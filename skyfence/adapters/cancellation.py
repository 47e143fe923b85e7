"""Whether a task was told to stop: libraries lose that, or raise what looks like it."""

import asyncio


def is_cancelled() -> bool:
    """Tell whether somebody has cancelled the running task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
