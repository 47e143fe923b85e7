"""Who a track is: what its reports together say of that, not the last one alone.

A callsign comes in some reports and not in others, and a code is misread now and then. So an
identity that was plausible once holds for some minutes without a callsign and through a landing,
and an emergency code counts, or ceases to, once two reports with a code in a row say so. Sensors
err: a drone that seems to fly as fast as an airliner in one report of many is none.

Which rule holds an alert back is the policy's; what follows is decided in ``violation``.
"""

from dataclasses import dataclass
from typing import Final

from skyfence.contracts.crossing import ObjectInfo
from skyfence.policy.civil import (
    NEVER_CIVIL,
    Civil,
    implausible,
    is_high,
    is_low_and_slow,
    may_be_private,
    not_civil,
)
from skyfence.policy.parameters import SECOND_MS
from skyfence.policy.permit import EMERGENCY_CODES

# What has flown as drones do takes three more reports that say otherwise: one report in 160 errs by
# 2.5 sigma, which comes up in most flights, and three in a row in hardly any.
_LEAST_BALANCE: Final = -2


@dataclass(slots=True)
class Identification:
    """What a track's reports have said of who it is; times are milliseconds since 1970, UTC."""

    named_ms: int | None = None  # when a report last named it as the civil flight that it is
    last_named: bool = False  # the last report did
    emergency: bool = False
    last_emergency: bool = False  # of the last report alone
    was_plausible: bool = False  # it was identified, or so high that no drone hides there
    was_low_and_slow: bool = False  # and none of these before it was as drones fly
    # Reports that name it and fly as aircraft do, less those that do not, within bounds.
    plausible_balance: int = 0

    def note(
        self, known: ObjectInfo, time_ms: int, last_ms: int, rules: Civil, *, from_outside: bool
    ) -> None:
        """Take in what a report says; ``from_outside``: the track was seen outside before.

        ``last_ms`` is the time of the report before, which said the same as the last one noted: of
        equal ones some need not be noted. An identity is believed of what was first seen inside, of
        what flies like an aircraft on balance, and of what was identified so far.
        """
        if self.last_named:
            self.named_ms = last_ms
        self._note_emergency(known)
        if known.category in NEVER_CIVIL:
            self.named_ms = None
        holds = self.last_named or self.holds(time_ms, rules)
        is_named = not_civil(known) is None
        if is_named:
            self._weigh(known, rules)
        self.last_named = is_named and (not from_outside or holds or self.plausible_balance > 0)
        if self.last_named:
            self.named_ms = time_ms
        self.was_plausible |= self.last_named or is_high(known, rules)
        self.was_low_and_slow |= not self.was_plausible and is_low_and_slow(known, rules)

    def _weigh(self, known: ObjectInfo, rules: Civil) -> None:
        step = 1 if implausible(known, rules) is None else -1
        self.plausible_balance = max(_LEAST_BALANCE, min(1, self.plausible_balance + step))

    def _note_emergency(self, known: ObjectInfo) -> None:
        if known.mode_3a is None:
            return  # radars do not read the code in every turn
        emergency = known.mode_3a in EMERGENCY_CODES
        if emergency is self.last_emergency:
            self.emergency = emergency
        self.last_emergency = emergency

    def holds(self, time_ms: int, rules: Civil) -> bool:
        """Tell whether it is identified at a time: then, or not long before."""
        if self.named_ms is None:
            return False
        return time_ms - self.named_ms <= rules.holds_s * SECOND_MS

    def may_be_private(self, known: ObjectInfo) -> bool:
        """Tell whether what is first seen inside may well be a private flight."""
        return may_be_private(known) and not (self.emergency or self.was_low_and_slow)
