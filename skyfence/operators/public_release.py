"""Public messages that await release: told at once, or held until an operator decides.

    automatic ─────────────────────────────────────────────▶ published
    held ──(release, or the deadline)──▶ releasing ──▶ released; later steps at once
      ├────(withdraw, or the deadline)─▶ withdrawing ──▶ withdrawn ──(next that rises)──▶ held
      └────(next step)──▶ held, until the first one's deadline

The messages are those of a place's episode. Once the public has been told of an episode, its later
messages are published at once, so that nobody is left with an alert that has changed. What follows
a withdrawn message asks again only if it sounds or is at a higher level than the message before it:
any other is a detail of what was withdrawn. What the public hears first, and each rise above what
it heard last, sounds. Does not publish, and reads no clock.
"""

from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from skyfence.contracts.alert import PublicAlert, level_rank
from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.channel_message import PublicAlertMessage
from skyfence.policy.policy import PublicRules

HeldState = Literal["held", "releasing", "released", "withdrawing", "withdrawn"]
# A decision that is not carried out yet, and the state once it is.
_CARRIED_OUT: Final[dict[HeldState, HeldState]] = {
    "releasing": "released",
    "withdrawing": "withdrawn",
}


class PendingRelease(Contract):
    """A region's public message of one episode, and the state of the decision on it.

    ``by`` and ``reason`` are the operator's who decided, if an operator did. ``latest`` is the last
    message since a withdrawal, where that asked nobody.
    """

    state: HeldState
    message: PublicAlertMessage
    deadline: UtcTime
    by: str | None = None
    reason: str | None = None
    latest: PublicAlert | None = None

    @property
    def alert_id(self) -> UUID:
        """Return the message's identifier, by which it is released or withdrawn."""
        return self.message.alert.alert_id

    @property
    def is_decided(self) -> bool:
        """Tell whether there is a decision that is not carried out yet."""
        return self.state in _CARRIED_OUT

    @property
    def once_done(self) -> HeldState:
        """Return the state once the decision, if there is one, is carried out."""
        return _CARRIED_OUT.get(self.state, self.state)


def hold(
    message: PublicAlertMessage, before: PendingRelease | None, rules: PublicRules, since: UtcTime
) -> PendingRelease | None:
    """Return what is kept of an episode once a message came; None if it stays as it was.

    That is the message, held; after a withdrawal, where a quiet one rises above nothing, what was
    withdrawn. A step that is not newer than before's changes nothing. A message that replaces one
    still held keeps that one's deadline; otherwise the deadline is ``rules.deadline_s`` seconds
    from ``since``, when the message was decided.
    """
    last = None if before is None else before.latest or before.message.alert
    if last is not None and message.alert.step <= last.step:
        return None
    is_detail = message.alert.notify == "quiet" and not _rises(message.alert, last)
    if before is not None and before.state == "withdrawn" and is_detail:
        return before.model_copy(update={"latest": message.alert})
    waits = before is not None and before.state == "held"
    deadline = before.deadline if before and waits else since + timedelta(seconds=rules.deadline_s)
    return PendingRelease(state="held", message=message, deadline=deadline)


def continued(alert: PublicAlert, before: PublicAlert | None) -> PublicAlert:
    """Return a message as it follows the last one that the public got of its episode.

    The first one sounds, and so does a rise: the step that sounded may never have been published.
    """
    if before is None:
        first = {"message_type": "Alert", "references": (), "notify": "sound"}
        return alert.model_copy(update=first)
    notify = "sound" if _rises(alert, before) else alert.notify
    return alert.model_copy(update={"references": before.references_after, "notify": notify})


def _rises(alert: PublicAlert, before: PublicAlert | None) -> bool:
    """Tell whether a message is at a higher level than the one before it, or is the first.

    A message from before episodes has no level: what follows it rises, if it has one.
    """
    if before is None:
        return True
    if alert.level is None or before.level is None:
        return alert.level is not None
    return level_rank(alert.level) > level_rank(before.level)


def is_stale(alert: PublicAlert, now: UtcTime) -> bool:
    """Tell whether a message has expired at ``now``, so that the public must not get it any more.

    An exercise's messages are never stale: they keep the times of the recording that is replayed.
    """
    return alert.status == "Actual" and alert.expires <= now


def at_deadline(held: PendingRelease, rules: PublicRules) -> HeldState:
    """Return the state of a held message whose deadline has passed without a decision."""
    if rules.after_deadline == "release-shelter":
        shelter = held.message.alert.response_type == "Shelter"
        return "releasing" if shelter else "withdrawing"
    return "releasing" if rules.after_deadline == "release" else "withdrawing"
