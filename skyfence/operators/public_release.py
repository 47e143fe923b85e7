"""Whether the public is told at once, or somebody decides first: the state of a held message.

    automatic ─────────────────────────────────────────────▶ published
    held ──(release, or the deadline)──▶ releasing ──▶ released; later steps at once
      ├────(withdraw, or the deadline)─▶ withdrawing ──▶ withdrawn ──(next step)──▶ held
      └────(next step)──▶ held, until the first one's deadline

Once the public has been told of an incident, what follows of it is told at once: nobody is left
with half a story. Does not publish, and reads no clock.
"""

from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from skyfence.contracts.alert import PublicAlert
from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.channel_message import PublicAlertMessage
from skyfence.policy.policy import PublicRules

HeldState = Literal["held", "releasing", "released", "withdrawing", "withdrawn"]
_DONE: Final[dict[HeldState, HeldState]] = {"releasing": "released", "withdrawing": "withdrawn"}


class PendingRelease(Contract):
    """A region's public message of one incident, and where the decision on it stands."""

    state: HeldState
    message: PublicAlertMessage
    deadline: UtcTime
    by: str | None = None
    reason: str | None = None

    @property
    def alert_id(self) -> UUID:
        """Return the message's identifier, by which it is released or withdrawn."""
        return self.message.alert.alert_id

    @property
    def is_decided(self) -> bool:
        """Tell whether a decision stands that is not carried out yet."""
        return self.state in _DONE

    @property
    def once_done(self) -> HeldState:
        """Return the state once what was decided is carried out."""
        return _DONE.get(self.state, self.state)


def hold(
    message: PublicAlertMessage, before: PendingRelease | None, rules: PublicRules, now: UtcTime
) -> PendingRelease | None:
    """Return a step as it is held, or None if that step has been dealt with already."""
    if before is not None and message.alert.step <= before.message.alert.step:
        return None
    waits = before is not None and before.state == "held"
    deadline = before.deadline if before and waits else now + timedelta(seconds=rules.deadline_s)
    return PendingRelease(state="held", message=message, deadline=deadline)


def is_stale(alert: PublicAlert, now: UtcTime) -> bool:
    """Tell whether a message would tell the public of what is past.

    An exercise keeps the times of what it replays, so its messages never are.
    """
    return alert.status == "Actual" and alert.expires <= now


def at_deadline(held: PendingRelease, rules: PublicRules) -> HeldState:
    """Return what becomes of a message on which nobody has decided in time."""
    if rules.after_deadline == "release-shelter":
        shelter = held.message.alert.response_type == "Shelter"
        return "releasing" if shelter else "withdrawing"
    return "releasing" if rules.after_deadline == "release" else "withdrawing"
