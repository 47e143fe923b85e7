"""Attention is a budget: how often a place may sound.

A bucket that holds a few sounds and fills by one in ten minutes of event time. What must never be
held back takes from it, too, so that what follows is held back sooner. Whole milliseconds only.
"""

from dataclasses import dataclass

from skyfence.places.parameters import SOUND_EVERY_MS, SOUNDS_AT_ONCE

_FULL_MS = SOUNDS_AT_ONCE * SOUND_EVERY_MS


@dataclass
class Attention:
    """What is left of a place's budget, as time that has been saved up, at an event time.

    ``sounded_ms`` is when the place sounded last.
    """

    saved_ms: int = _FULL_MS
    as_of_ms: int = 0
    sounded_ms: int = 0

    def sound(self, now_ms: int, *, always: bool) -> bool:
        """Tell whether a message may sound now, and take its share if so.

        ``always``: it may, whatever is left. A time before the last one saves nothing up.
        """
        if now_ms > self.as_of_ms:
            self.saved_ms = min(_FULL_MS, self.saved_ms + now_ms - self.as_of_ms)
            self.as_of_ms = now_ms
        if not always and self.saved_ms < SOUND_EVERY_MS:
            return False
        self.saved_ms = max(0, self.saved_ms - SOUND_EVERY_MS)
        self.sounded_ms = max(self.sounded_ms, now_ms)
        return True
