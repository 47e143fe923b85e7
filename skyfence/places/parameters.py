"""The numbers that places' states go by. All times are event time, milliseconds."""

from dataclasses import dataclass
from typing import Final

from skyfence.policy.parameters import MINUTE_MS, SECOND_MS

# A channel may sound this often at once, and then once in this time: EEMUA 191 and ISA-18.2 give an
# operator one alarm in ten minutes in the long run, and ten in ten minutes at the very most. The
# first warning, the first shelter and the all-clear come on top: with them, four leave room enough.
SOUNDS_AT_ONCE: Final = 4
SOUND_EVERY_MS: Final = 10 * MINUTE_MS


@dataclass(frozen=True)
class PlaceParameters:
    """How long a place's level is held, and how often its quiet messages come."""

    # A level that nothing holds any more: as long as two reports of a slow radar.
    hold_ms: int = MINUTE_MS
    # Shelter, while the object is not here for sure and can be back in minutes: longer than a drone
    # takes for a wide circle (seven minutes were measured), so that shelter does not come and go.
    shelter_hold_ms: int = 10 * MINUTE_MS
    # Watch, while the object is seen elsewhere, too far off to be back soon.
    watch_ms: int = 30 * MINUTE_MS
    # Quiet changes of a place are told together: a raid changes the count with each report.
    quiet_every_ms: int = 30 * SECOND_MS
    # Who heard so lately how long there is needs no second sound for the minutes that are left.
    minutes_sound_after_ms: int = 5 * MINUTE_MS
