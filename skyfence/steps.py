"""Work in steps: a generator that yields between them and returns its result.

Whoever shares a thread with others can do something else between two steps; nothing of the result
depends on that.
"""

from collections.abc import Generator
from typing import TypeVar

ResultT = TypeVar("ResultT")
Steps = Generator[None, None, ResultT]


def result_of(steps: Steps[ResultT]) -> ResultT:
    """Work off all steps at once and return their result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: ResultT = end.value
            return result
