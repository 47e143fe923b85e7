"""The message of a place: its whole state in CAP's words and in people's, as a ``PlaceAlert``.

    state, news, sound or quiet ──┬──▶ CAP's words, expiry ──┐
                                  └──▶ headline, description ┴──▶ PlaceAlert

A reader who sees only the last message of an episode knows all that holds. It decides nothing: when
there is a message is for ``places`` to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Final

from skyfence.contracts.alert import (
    MOST_LISTED,
    Notify,
    PlaceAlert,
    PlaceKind,
    PlaceLevel,
    PlaceNews,
    ResponseType,
)
from skyfence.contracts.alert_chain import ALL_CLEAR_WORDS, CapWords, chain_fields
from skyfence.naming import Environment, operators_channel
from skyfence.places.place_state import PlaceState
from skyfence.places.place_view import PlaceView
from skyfence.texts.tables import OperatorTexts
from skyfence.times import format_time, from_ms

# How long a message holds if nothing follows it: an hour past the six after which a lost object is
# not waited for any more; an all-clear as long as an incident's.
_VALID: Final[Mapping[PlaceLevel, timedelta]] = {
    "shelter": timedelta(hours=7),
    "prepare": timedelta(hours=7),
    "watch": timedelta(hours=7),
    "clear": timedelta(hours=1),
}


@dataclass(frozen=True, kw_only=True)
class PlaceSituation:
    """A place as it is now, beside what was told of it (``PlaceState``).

    ``view`` is what holds it, ``unseen`` whether no source covers it; ``nations`` and ``regions``
    are the places beneath it at ``prepare`` or above. Times are event time, ms since 1970: since
    when, and of what made it known.
    """

    run: str
    place: str
    view: PlaceView
    unseen: bool
    nations: tuple[str, ...]
    regions: tuple[str, ...]
    time_ms: int
    known_ms: int


class PlaceWording:
    """Puts the state of places into words; ``names`` are theirs, by identifier."""

    def __init__(self, texts: OperatorTexts, names: Mapping[str, str]) -> None:
        self._texts = texts
        self._names = names

    def compose(
        self,
        state: PlaceState,
        now: PlaceSituation,
        *,
        environment: Environment,
        time_ms: int,
        news: tuple[PlaceNews, ...],
        notify: Notify,
    ) -> PlaceAlert:
        """Return the message of a place's state, which is brought up to ``now`` already.

        ``time_ms`` is the message's event time, ``news`` is why it comes.
        """
        assert state.episode_id is not None  # noqa: S101 - a message is a step of an episode
        time = from_ms(time_ms)
        return PlaceAlert(
            **chain_fields(
                environment=environment,
                chain_id=state.episode_id,
                channel=operators_channel(environment, now.place),
                step=state.step,
                cap=_cap_words(state.level, state.kind, state.step),
                time=time,
                expires=time + _VALID[state.level],
                headline=self._headline(state, now),
                instruction=self._instruction(state.level, state.kind),
                notify=notify,
            ),
            place=now.place,
            place_kind=state.kind,
            run=now.run,
            episode=state.episode,
            level=state.level,
            unseen=state.unseen,
            known=from_ms(max(now.known_ms, time_ms)),
            objects=state.objects,
            lost=state.lost,
            minutes_left=now.view.minutes_left,
            nations=now.nations,
            regions=now.regions,
            incidents=tuple(sorted(now.view.gravest(MOST_LISTED), key=attrgetter("int"))),
            news=news,
            description=self._description(state, now),
        )

    def _headline(self, state: PlaceState, now: PlaceSituation) -> str:
        texts = self._texts.place
        all_lost = state.lost >= state.objects > 0
        prepare = texts.prepare if now.view.is_approached else texts.prepare_near
        template = {
            "shelter": texts.shelter,
            "prepare": texts.prepare_lost if all_lost else prepare,
            "watch": texts.watch_lost if all_lost else texts.watch,
            "clear": texts.clear,
        }[state.level]
        name = self._names.get(now.place, now.place)
        line = template.format(
            objects=self._count(state.objects),
            place=name,
            soon=self._soon(now.view.minutes_left),
            lost=self._lost(state),
        )
        line += texts.unseen.format(place=name) if state.unseen else ""
        return line[:1].upper() + line[1:]

    def _description(self, state: PlaceState, now: PlaceSituation) -> str:
        texts = self._texts.place
        details = texts.objects.format(count=state.objects, lost=state.lost)
        for template, places in (
            (texts.nations, now.nations),
            (texts.regions, now.regions),
        ):
            details += template.format(places=self._join(places)) if places else ""
        return texts.description.format(
            place=self._names.get(now.place, now.place),
            level=state.level,
            time=format_time(from_ms(state.since_ms)),
            details=details,
            step=state.step,
        )

    def _instruction(self, level: PlaceLevel, kind: PlaceKind) -> str:
        texts = self._texts.instruction
        if level == "clear":
            return texts.stand_down
        if level == "watch":
            return texts.keep_watching
        if kind in ("nation", "alliance"):
            return texts.follow
        return texts.warn if level == "shelter" else texts.make_ready

    def _count(self, objects: int) -> str:
        texts = self._texts.place
        if objects == 1:
            return texts.objects_one
        return texts.objects_other.format(count=self._number(objects))

    def _number(self, count: int) -> str:
        words = self._texts.place.numbers.split()
        return words[count - 1] if 1 <= count <= len(words) else str(count)

    def _lost(self, state: PlaceState) -> str:
        """Return how many of the objects are not seen now; "" where all are."""
        texts = self._texts.place
        if state.lost and state.lost == state.objects:
            return texts.lost_all
        return texts.lost_some.format(count=self._number(state.lost)) if state.lost else ""

    def _soon(self, minutes_left: int | None) -> str:
        if minutes_left is None:
            return ""
        texts = self._texts.minutes
        plural = texts.other.format(minutes=minutes_left)
        words = {0: texts.under_one, 1: texts.one}.get(minutes_left, plural)
        return self._texts.headline_parts.soon.format(minutes=words)

    def _join(self, places: Sequence[str]) -> str:
        return self._texts.words.listed([self._names.get(place, place) for place in places])


def _cap_words(level: PlaceLevel, kind: PlaceKind, step: int) -> CapWords:
    """Return CAP's words of a level: who answers for more than a region only watches."""
    above = kind in ("nation", "alliance")
    if level == "clear":
        return ALL_CLEAR_WORDS
    sure = level == "shelter"
    people: ResponseType = "Shelter" if sure else "Prepare"
    return CapWords(
        message_type="Alert" if step == 1 else "Update",
        response_type="Monitor" if above or level == "watch" else people,
        urgency="Immediate" if sure else "Expected",
        severity="Moderate" if level == "watch" else "Severe",
        certainty="Likely" if level == "prepare" else "Observed",
    )
