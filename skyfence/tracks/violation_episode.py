"""What is remembered of a track's episode with the protected airspace: plain data.

One object an episode, from the first threat or entry to the end. Does not decide what happens to it
(``violation``).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skyfence.contracts.track_event import Confidence
from skyfence.policy.parameters import MINUTE_MS, DetectionParameters

# After a loss, its places are estimated anew: often at first, as it can be farther away soon, and
# never less than every ten minutes of an hour, so that a region is not warned long before.
_SEARCHED_MS: Final = tuple(
    minutes * MINUTE_MS for minutes in (1, 2, 5, 10, 20, 30, 40, 50, 60, 120, 240)
)


class ViolationStatus(StrEnum):
    """Where a track's episode with the protected airspace stands."""

    THREAT = "threat"
    VIOLATION = "violation"
    EXITED = "exited"
    LOST = "lost"


@dataclass(slots=True)
class ViolationEpisode:
    """One incident as its track tells it: from the first threat or entry to the end.

    ``ahead`` holds the whole minutes left to each region ahead, ``ahead_ms`` when it was ahead
    last; ``minute_marks`` the lowest mark of minutes that each place was told ("" stands for the
    border). Times are milliseconds since 1970, UTC.
    """

    opened_ms: int  # with the track's names, what identifies it: known again after a lost state
    status: ViolationStatus
    confidence: Confidence
    since_ms: int  # when the status was reached
    event_count: int = 0  # so far; the last event has this number
    was_threat: bool = False  # of what is lost: it had not entered
    # Of what is lost: its identity was seen where it cannot have flown to.
    seen_elsewhere: bool = False
    nations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    ahead: dict[str, int] = field(default_factory=dict)
    ahead_ms: dict[str, int] = field(default_factory=dict)
    minutes_left: int | None = None
    minute_marks: dict[str, int] = field(default_factory=dict)
    deepest_m: int = 0  # inside the protected airspace, in this episode
    announced_depth_m: int = 0
    announced_speed_mps: float = 0.0
    announced_ms: int = 0  # when an event said last where the track is
    # Of what has left and is not seen any more: how long it may need to be back.
    back_within_ms: int = 10 * MINUTE_MS
    # Of what is lost: for how long its regions are searched, and how often they were.
    search_for_ms: int = 30 * MINUTE_MS
    search_count: int = 0
    # When it was in each of its regions and nations last.
    been_ms: dict[str, int] = field(default_factory=dict)
    # "emergency", "uav", "missile": which of these its events have said of the object.
    announced_alarms: tuple[str, ...] = ()
    private_flight: bool = False  # first seen inside, it may well be one without a transponder

    def sighted_every_ms(self, now_ms: int, parameters: DetectionParameters) -> int:
        """Return how often the track's position is published, milliseconds: more often at first."""
        is_new = now_ms - self.opened_ms <= parameters.sighted_at_first_for_ms
        return parameters.sighted_at_first_ms if is_new else parameters.sighted_every_ms

    def deadline_ms(self, parameters: DetectionParameters, seen_ms: int) -> int | None:
        """Return when the episode goes on by itself, milliseconds, or None while it is followed.

        ``seen_ms`` is when the track was seen last.
        """
        if self.status is ViolationStatus.EXITED:
            return max(self.since_ms + parameters.clear_after_ms, seen_ms + self.back_within_ms)
        if self.status is not ViolationStatus.LOST:
            return None
        search_ms = self.search_ms()
        if search_ms is not None:
            return search_ms
        expires_ms = self.search_for_ms if self.was_threat else parameters.expire_after_ms
        return self.since_ms + expires_ms

    def search_ms(self) -> int | None:
        """Return when the places of what is lost are estimated next; None when no more.

        At the end of its search what was lost inside is nowhere; a lost threat expires then.
        """
        due_ms = [mark for mark in _SEARCHED_MS if mark < self.search_for_ms]
        if not self.was_threat:
            due_ms.append(self.search_for_ms)
        if self.status is not ViolationStatus.LOST or self.search_count >= len(due_ms):
            return None
        return self.since_ms + due_ms[self.search_count]

    def end_search(self) -> None:
        """Have no places estimated any more; the episode ends when it would."""
        self.search_count = len(_SEARCHED_MS) + 1
