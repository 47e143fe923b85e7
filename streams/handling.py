"""For how long messages have been dealt with without a step: whether an agent is stuck.

    handler ──▶ step, step, step ...    a frame of 10,000 new tracks may take minutes, and is no
                                        reason to end the process; a handler without steps is

A handler runs within ``Handling.of``; whatever works in its task says ``note_step``.
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class _Message:
    """A message that is dealt with, and when that came a step further, in monotonic seconds."""

    def __init__(self) -> None:
        self.step_s = time.monotonic()


_MESSAGE: Final[ContextVar[_Message | None]] = ContextVar("_MESSAGE", default=None)


def note_step() -> None:
    """Note that the message which this task deals with has come a step further, if there is one."""
    message = _MESSAGE.get()
    if message is not None:
        message.step_s = time.monotonic()


class Handling:
    """The messages that are being dealt with, by agent and partition."""

    def __init__(self) -> None:
        self._messages: dict[Hashable, _Message] = {}

    @contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Note that the block deals with a message."""
        message = self._messages[key] = _Message()
        token = _MESSAGE.set(message)
        try:
            yield
        finally:
            _MESSAGE.reset(token)
            self._messages.pop(key, None)

    @property
    def longest_step_s(self) -> float:
        """Return for how long the message that came no further for longest has not, in seconds."""
        now_s = time.monotonic()
        return max((now_s - message.step_s for message in self._messages.values()), default=0.0)
