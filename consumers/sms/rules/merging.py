"""Quiet merging: few SMS for one person and incident, and never one less than it takes.

    news ──▶ a newer step of its chain was put        not sent
         ──▶ a place nearer to them has said as much  not sent (nation and alliance only)
         ──▶ it would be the same words again         not sent
         ──▶ something of its chain still waits       sent in its place
         ──▶ the number for an incident is used up    not sent, unless it must be
         ──▶ else                                     sent

What must be: the first warning for a place, its worsening to a confirmed violation, the end. What
waits is always replaced by what is newer, because an old "in 4 minutes" or "take shelter" is wrong
by then; the newer message is sent in its place, whatever the number says, so every person who was
to be warned gets a warning. A message that the gateway has is not called back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.sms.rules.notice import Notice

# With fewer, a first warning, the violation and the end would use it up.
LEAST_PER_INCIDENT = 3


@dataclass(frozen=True)
class EarlierMessage:
    """An earlier message of an incident to one person.

    ``waits``: it is in the outbox and not yet handed to the gateway. ``reaches``: it was sent or
    will be, so it was neither merged, nor refused, nor too late.
    """

    key: str
    notice: Notice
    waits: bool
    reaches: bool


@dataclass(frozen=True)
class Verdict:
    """Whether news is sent to a person, and the keys of the waiting messages that it replaces."""

    sent: bool
    replaces: tuple[str, ...] = ()


def decide(news: Notice, earlier: Sequence[EarlierMessage], most: int) -> Verdict:
    """Decide whether news is sent to one person.

    ``earlier`` are all messages of the news' incident to that person, the oldest first; ``most`` is
    how many may be sent of an incident before only the news that must be sent are.
    """
    if is_overtaken(news, [message.notice for message in earlier]):
        return Verdict(sent=False)
    reaching = [message for message in earlier if message.reaches]
    here = [message for message in reaching if message.notice.place == news.place]
    replaces = tuple(message.key for message in here if message.waits)
    if _is_covered(news, reaching):
        return Verdict(sent=False, replaces=replaces)
    if here and not replaces and _repeats(news, here[-1].notice):
        return Verdict(sent=False)
    if replaces or len(reaching) < most or _must_be_sent(news, here):
        return Verdict(sent=True, replaces=replaces)
    return Verdict(sent=False)


def is_overtaken(notice: Notice, others: Sequence[Notice]) -> bool:
    """Tell whether a newer step of a notice's chain is among others of its incident."""
    return any(other.place == notice.place and other.step > notice.step for other in others)


def _must_be_sent(news: Notice, here: Sequence[EarlierMessage]) -> bool:
    """Tell whether news is a place's first or last, or its worsening to a confirmed violation."""
    if news.last or not here:
        return True
    return news.kind == "violation" and here[-1].notice.level < news.level


def _is_covered(news: Notice, reaching: Sequence[EarlierMessage]) -> bool:
    """Tell whether a nearer place's latest notice is as grave; only an end covers an end."""
    nearer = {"region": (), "nation": ("region",), "alliance": ("region", "nation")}
    latest = {message.notice.place: message.notice for message in reaching}
    return any(
        notice.level >= news.level and (notice.last or not news.last)
        for notice in latest.values()
        if notice.place_kind in nearer[news.place_kind]
    )


def _repeats(news: Notice, last: Notice) -> bool:
    """Tell whether news has the words of the last notice; an end never counts as a repetition."""
    last_words = (last.kind, last.minutes, last.nations)
    return last_words == (news.kind, news.minutes, news.nations) and not news.last
