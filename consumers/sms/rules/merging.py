"""Quiet merging: few SMS for one person and incident, and never one less than it takes.

    news ──▶ a newer step of its chain is there       not sent
         ──▶ a place nearer to them has said as much  not sent (nation and alliance only)
         ──▶ it would be the same words again         not sent
         ──▶ something of its chain still waits       sent in its place
         ──▶ the number for an incident is used up    not sent, unless it must be
         ──▶ else                                     sent

What must be: the first warning for a place, its worsening to a confirmed violation, the end. What
waits is always replaced by what is newer, because an old "in 4 minutes" or "take shelter" is wrong
by then; the newer one is sent in its place, whatever the number says, so nobody who was to be
warned hears nothing. What was handed to the gateway is not called back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.sms.rules.notice import Notice

# With fewer, a first warning, the violation and the end would use it up.
LEAST_PER_INCIDENT = 3


@dataclass(frozen=True)
class Past:
    """An earlier message of an incident to one person: does it wait, was or will it be told."""

    key: str
    notice: Notice
    waits: bool
    told: bool


@dataclass(frozen=True)
class Verdict:
    """Whether news is sent to a person, and which waiting messages it makes void."""

    sent: bool
    replaces: tuple[str, ...] = ()


def decide(news: Notice, past: Sequence[Past], most: int) -> Verdict:
    """Decide about news for one person, given all that was put of its incident for them."""
    if is_overtaken(news, [one.notice for one in past]):
        return Verdict(sent=False)
    told = [one for one in past if one.told]
    here = [one for one in told if one.notice.place == news.place]
    replaces = tuple(one.key for one in here if one.waits)
    if _is_covered(news, told):
        return Verdict(sent=False, replaces=replaces)
    if here and not replaces and _repeats(news, here[-1].notice):
        return Verdict(sent=False)
    if replaces or len(told) < most or _must_be_sent(news, here):
        return Verdict(sent=True, replaces=replaces)
    return Verdict(sent=False)


def is_overtaken(notice: Notice, others: Sequence[Notice]) -> bool:
    """Tell whether a newer step of a notice's chain is among others of its incident."""
    return any(one.place == notice.place and one.step > notice.step for one in others)


def _must_be_sent(news: Notice, here: Sequence[Past]) -> bool:
    if news.last or not here:
        return True
    return news.kind == "violation" and here[-1].notice.level < news.level


def _is_covered(news: Notice, told: Sequence[Past]) -> bool:
    """Tell whether what a nearer place said last is as grave; an end is covered by an end alone."""
    nearer = {"region": (), "nation": ("region",), "alliance": ("region", "nation")}
    last = {one.notice.place: one.notice for one in told}  # of each place, as it was put
    return any(
        one.level >= news.level and (one.last or not news.last)
        for one in last.values()
        if one.place_kind in nearer[news.place_kind]
    )


def _repeats(news: Notice, last: Notice) -> bool:
    """Tell whether a person would read again what they read last."""
    said = (last.kind, last.minutes, last.nations)
    return said == (news.kind, news.minutes, news.nations) and not news.last
