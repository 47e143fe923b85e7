"""The texts of SMS: a notice in the words of its reader's language, and how many SMS that takes.

    Catalogue, [sms] ──────────┐
    Notice, names of places ───┴──▶ "EXERCIȚIU: Tulcea: pericol aerian în ~4 min. Atenție!"

A name stands before a colon, so that no language has to inflect it. A text should fit into one SMS
(70 characters where a letter needs UCS-2) with the longest name of the zones, the exercise word
included; ``too_long`` names those that do not. Does not read files (``skyfence.adapters.files``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

import smsutil

from consumers.sms.rules.notice import Notice
from skyfence.contracts.alert import AlertStatus, PlaceKind
from skyfence.naming import Environment
from skyfence.texts.catalogue import Catalogue
from skyfence.texts.tables import Language, NoticeKind

KINDS: Final[tuple[NoticeKind, ...]] = get_args(NoticeKind)
_TABLES: Final = "sms."
# So many characters always fit into one SMS: 70 of UCS-2, and in GSM-7 80 that count twice.
_ALWAYS_SINGLE: Final = 70
# The longest forecast (``skyfence.policy.parameters``), in minutes: two digits.
_MOST_MINUTES: Final = 30
# More objects than three digits say are not expected in one place.
_MOST_OBJECTS: Final = 999


@dataclass(frozen=True)
class Counted:
    """A text, its length in UTF-16 code units, and the number of SMS that it is cut into."""

    text: str
    characters: int
    parts: int


class Texts:
    """The SMS of all languages. ``names`` name places for which a language has no name."""

    def __init__(self, catalogue: Catalogue, names: Mapping[str, str]) -> None:
        self._catalogue = catalogue
        self._names = names
        languages = catalogue.languages.values()
        self.exercise_words = tuple(language.exercise for language in languages)

    @property
    def languages(self) -> list[str]:
        """Return the codes of all languages, sorted."""
        return sorted(self._catalogue.languages)

    def exercise_word(self, notice: Notice) -> str:
        """Return the word that an exercise's text must begin with, in the notice's language."""
        return self._language(notice).exercise

    def render(self, notice: Notice, now_ms: int) -> str:
        """Return a notice's text at a time of the wall clock (ms), which its minutes depend on.

        What to do comes first; that no sensor covers the place is added where that takes no
        further SMS. A notice in a language that has no texts any more is in English.
        """
        language = self._language(notice)
        kind = notice.kind_at(now_ms)
        is_above = notice.place_kind in ("nation", "alliance")
        above = language.sms.above if is_above else {}
        template = above.get(kind, language.sms.texts[kind])
        text = template.format(
            place=self._place(notice, language),
            minutes=notice.minutes_at(now_ms),
            objects=notice.objects,
        )
        if notice.status == "Exercise":
            text = f"{language.exercise}: {text}"
        if not notice.unseen or kind == "unseen":
            return text
        longer = text + language.sms.unseen
        return longer if count(longer).parts == count(text).parts else text

    def fall_backs(self) -> Iterator[str]:
        """Yield one line for each language that lacks texts, which are then sent in English."""
        for code in self.languages:
            lacking = [key for key in self._catalogue.missing[code] if key.startswith(_TABLES)]
            if lacking:
                yield f"language {code}: no text for {', '.join(lacking)}: sent in English"

    def _language(self, notice: Notice) -> Language:
        return self._catalogue.language(notice.language)

    def _place(self, notice: Notice, language: Language) -> str:
        """Return the name of the place, or for the alliance that of the first nation concerned."""
        first, *more = notice.nations or (notice.place,)
        name = self._name(first, language)
        return f"{name} +{len(more)}" if more else name

    def _name(self, place: str, language: Language) -> str:
        return language.places.get(place, self._names.get(place, place))


def count(text: str) -> Counted:
    """Return a text with its length and the number of SMS that it takes."""
    characters = len(text.encode("utf-16-be")) // 2  # as UCS-2 counts: some signs twice
    short = characters <= _ALWAYS_SINGLE
    return Counted(text, characters, 1 if short else len(smsutil.split(text).parts))


def too_long(
    texts: Texts, places: Mapping[str, PlaceKind], environment: Environment
) -> Iterator[str]:
    """Yield one line for each text that needs more than one SMS, naming its longest place."""
    for language in texts.languages:
        long: dict[NoticeKind, list[tuple[str, Counted]]] = {}
        for place, place_kind in places.items():
            for kind, counted in samples(texts, language, place, place_kind, environment):
                if counted.parts > 1:
                    long.setdefault(kind, []).append((place, counted))
        for kind, places_of_kind in long.items():
            place, worst = max(places_of_kind, key=_length)
            more = f" (and for {len(places_of_kind) - 1} more)" if len(places_of_kind) > 1 else ""
            yield (
                f"language {language}: text {kind} for {place}{more} has {worst.characters} "
                f"characters, {worst.parts} SMS: {worst.text}"
            )


def _length(counted_for: tuple[str, Counted]) -> tuple[int, int]:
    _, counted = counted_for
    return (counted.parts, counted.characters)


def samples(
    texts: Texts, language: str, place: str, place_kind: PlaceKind, environment: Environment
) -> Iterator[tuple[NoticeKind, Counted]]:
    """Yield every text of a language for a place, as long as it can get."""
    for kind in KINDS:
        yield kind, count(texts.render(_sample(kind, language, place, place_kind, environment), 0))


def _sample(
    kind: NoticeKind, language: str, place: str, place_kind: PlaceKind, environment: Environment
) -> Notice:
    status: AlertStatus = "Exercise" if environment is Environment.EXERCISE else "Actual"
    return Notice.model_validate(
        {
            "kind": kind,
            "status": status,
            "severity": "Severe",
            "language": language,
            "place": place,
            "place_kind": place_kind,
            "step": 1,
            "last": False,
            "time": "1970-01-01T00:00:00Z",
            "as_of": "1970-01-01T00:00:00Z",
            "objects": _MOST_OBJECTS,
            "minutes": _MOST_MINUTES if kind in ("threat", "threat_many") else None,
        }
    )
