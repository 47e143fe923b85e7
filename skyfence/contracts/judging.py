"""How far judging has come: what tells watchers that a report which comes now would be judged.

    worker ──JudgedPartitions──▶ track.events ──▶ incident agent ──JudgedUntil──▶ judged ──▶ relay

Said every two seconds, on the way that reports and alerts take, so that whoever on it hangs or is
gone leaves the last of them to grow old. All times are the worker's wall clock.
"""

from typing import Annotated, Final

from pydantic import Field

from skyfence.contracts.base import Contract, UtcTime

# Of both messages; by it a reader of track.events tells them from events.
JUDGED_KEY: Final = "judged"


class JudgedPartitions(Contract):
    """Until when all that reached each partition of ``tracks`` has been judged, as of a moment.

    One worker's partitions. What is not known yet, after a start, is left out.
    """

    as_of: UtcTime
    until: dict[Annotated[int, Field(ge=0)], UtcTime]


class JudgedUntil(Contract):
    """Until when all that reached ``tracks`` has been judged and decided, as of a moment.

    ``undecided_runs`` counts the runs whose sources have all ended and of which something is still
    to be decided: it waits until it is known that no partition holds more of them.
    """

    as_of: UtcTime
    until: UtcTime
    undecided_runs: Annotated[int, Field(ge=0)] = 0
