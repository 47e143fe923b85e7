"""The attention budget: which news becomes an SMS to a person, and what it replaces.

    news ──▶ a newer step or episode of its place was put      not sent
         ──▶ the end                                           sent to whoever was warned
         ──▶ something of its place still waits                sent in its place
         ──▶ first warning, a level above the one told last    sent, unless a place beneath said it
         ──▶ quiet, or the same words again                    not sent
         ──▶ three of the half hour are used, or spoken for    not sent
         ──▶ else                                              sent

Three SMS in half an hour are enough for a person who is to act: a place's first warning, its
shelter and its end always come, and ``prepare`` as a fourth after ``watch``. Other news is sent
only where room is left beside those of them that may still come. Nothing is lost by what is held
back, because each message says the whole state of its place. What waits is always replaced by what
is newer, because an old "in 4 minutes" or "take shelter" is wrong by then; so is the end of an
episode when the next one has begun. Who was told of nothing but what waited, is not told of its
end; who was told of an earlier episode, is. A message that the gateway has is not called back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consumers.sms.rules.notice import Notice

WINDOW_MS: Final = 30 * 60_000
# With fewer, a place's first warning, its shelter and its end would be one too many.
LEAST_IN_WINDOW: Final = 3
_BENEATH: Final = {"nation": ("region",), "alliance": ("region", "nation")}


@dataclass(frozen=True, kw_only=True)
class EarlierMessage:
    """An earlier message to one person; ``added_ms`` is when it was put, wall clock.

    ``waits``: it is in the outbox and not yet handed to the gateway, or in doubt: perhaps it was.
    ``reaches``: it was sent or will be, so it was neither merged, nor refused, nor too late.
    """

    key: str
    chain: str
    notice: Notice
    added_ms: int
    waits: bool
    reaches: bool
    in_doubt: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether news is sent to a person, and the keys of the waiting messages that go for it.

    ``warned``: the person may have been told of danger in the place, and not yet of its end.
    """

    sent: bool
    replaces: tuple[str, ...] = ()
    warned: bool = False


def decide(
    news: Notice, chain: str, earlier: Sequence[EarlierMessage], *, now_ms: int, most: int
) -> Verdict:
    """Decide whether news of a chain is sent to one person at ``now_ms`` (wall clock).

    ``earlier`` are the messages to that person, the oldest first: all of ``chain``, and of others
    at least those that wait and those of the last half hour. ``most`` may be sent in half an hour
    before only the news that must be sent are.
    """
    own = [
        message
        for message in earlier
        if news.is_of_one_place(message.notice)
        or (message.chain, message.notice.place) == (chain, news.place)
    ]
    if is_overtaken(news, [message.notice for message in own]):
        return Verdict(sent=False)
    told = [message.notice for message in own if message.reaches and message.chain == chain]
    waiting = [message for message in own if message.reaches and message.waits]
    replaces = tuple(message.key for message in waiting)
    warned = _is_warned(own, waiting)
    if news.last or replaces:
        return Verdict(sent=warned or not news.last, replaces=replaces, warned=warned)
    recent = [m for m in earlier if m.reaches and m.added_ms > now_ms - WINDOW_MS]
    if _is_said_beneath(news, chain, recent):
        return Verdict(sent=False)
    has_room = len(recent) + 1 + _spoken_for(news) <= most
    sent = _must_be_sent(news, told) or (_is_new(news, told) and has_room)
    return Verdict(sent=sent, warned=warned)


def _is_warned(own: Sequence[EarlierMessage], waiting: Sequence[EarlierMessage]) -> bool:
    """Tell whether a person may have been told of danger in a place, and not yet of its end.

    What waits knows of messages that are no longer among its place's own: an end is put for
    nobody else, and other news says so.
    """
    went = [
        message for message in own if message.reaches and (not message.waits or message.in_doubt)
    ]
    if went and not went[-1].notice.last:
        return True
    return any(message.notice.last or message.notice.warned for message in waiting)


def is_overtaken(notice: Notice, others: Sequence[Notice]) -> bool:
    """Tell whether a newer one is among others of its silence, or of its place in any episode."""
    return any(other.place == notice.place and other.order > notice.order for other in others)


def _must_be_sent(news: Notice, told: Sequence[Notice]) -> bool:
    """Tell whether news is the first that a person hears of danger, or graver than the last.

    Sounding or not: the first is whatever comes first to whoever could not be told before, and a
    rise may be quiet where the channel has sounded too often.
    """
    if told:
        return news.rank > told[-1].rank
    return news.sounds or news.level in ("prepare", "shelter")


def _is_new(news: Notice, told: Sequence[Notice]) -> bool:
    """Tell whether news sounds, in other words than the last that the person was told."""
    return news.sounds and not (told and told[-1].words == news.words)


def _spoken_for(news: Notice) -> int:
    """Return how many messages must still be sent after this one: the end, and shelter before."""
    return 1 if news.level == "shelter" else 2


def _is_said_beneath(news: Notice, chain: str, recent: Sequence[EarlierMessage]) -> bool:
    """Tell whether a place beneath the news' has said as much to the person.

    Of a place's state: where that place is among those concerned. Of a silent sensor: in the same
    silence. The messages of one instant reach a person in any order, so a wider place may still be
    first, and then both speak.
    """
    latest = {message.notice.place: message for message in recent}
    beneath = _BENEATH.get(news.place_kind, ())
    return any(
        message.notice.rank >= news.rank
        and not message.notice.last
        and message.notice.place_kind in beneath
        and (message.chain == chain or message.notice.place in news.beneath)
        for message in latest.values()
    )
