"""How long an episode is held: what may be back soon has not gone, and what is lost is somewhere.

An all-clear that the same object belies some minutes later costs more trust than it spares sleep.
"""

from typing import Annotated

from pydantic import Field

from skyfence.contracts.base import Contract

_Seconds = Annotated[float, Field(strict=True, ge=0, le=21_600, allow_inf_nan=False)]
_Metres = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]


class Hold(Contract):
    """What an object must be unable to do before people hear that it is over.

    It cannot be back at the protected border within ``threat_s`` by a straight flight at its speed,
    or within ``exit_s`` once it has been inside; or it has headed elsewhere, or been outside, for
    ``away_s``. Unseen, it is waited for as long as it would need to be back.
    """

    threat_s: _Seconds = 600.0
    exit_s: _Seconds = 600.0
    # Three rounds of a drone that waits in circles.
    away_s: _Seconds = 1_200.0


class Lost(Contract):
    """For how long the regions that a lost object may have reached are warned of it.

    Afterwards its nation alone knows of it, until it expires. What was lost on its way to the
    border is waited for until it would be ``threat_depth_m`` inside, half an hour at most.
    """

    regions_for_s: _Seconds = 3_600.0
    # A drone flies so far in half an hour, an airliner in six minutes.
    threat_depth_m: _Metres = 90_000.0
