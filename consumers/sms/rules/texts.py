"""The texts of SMS: one file a language, one line a kind of message.

    texts/ro.toml ──▶ Language ──┐
    Notice, names of places ─────┴──▶ "EXERCIȚIU: Tulcea: pericol aerian în ~4 min. Atenție!"

A name stands before a colon, so that no language has to inflect it. A text should fit into one SMS
(70 characters where a letter needs UCS-2) with the longest name of the zones, the exercise word
included; ``too_long`` names those that do not. Does not read files (``skyfence.adapters.files``).
"""

import string
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, get_args

import smsutil
from pydantic import Field, ValidationError

from consumers.sms.rules.notice import Notice, NoticeKind
from skyfence.contracts.alert import AlertStatus, PlaceKind
from skyfence.contracts.base import Contract, describe_validation_error
from skyfence.errors import InputError
from skyfence.naming import Environment

FALLBACK: Final = "en"
KINDS: Final[tuple[NoticeKind, ...]] = get_args(NoticeKind)
_ALLIANCE_ONLY: Final = ("situation", "situation_over")
_Word = Annotated[str, Field(pattern=r"^[^\s:]+$")]
# So many fit into one SMS whatever they are: 70 of UCS-2, and in GSM-7 80 that count twice.
_ALWAYS_ONE: Final = 70
# The most that is foreseen (``skyfence.policy.parameters``): two digits.
_MOST_MINUTES: Final = 30


class Language(Contract):
    """One language: its texts for regions, those ``above`` that differ, and names of places."""

    name: str
    exercise: _Word
    texts: dict[NoticeKind, str]
    above: dict[NoticeKind, str] = Field(default_factory=dict)
    places: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """A text as a gateway will cut it."""

    text: str
    characters: int
    parts: int


class Texts:
    """All languages, and what the places are called."""

    def __init__(self, languages: Mapping[str, Language], names: Mapping[str, str]) -> None:
        self._languages = languages
        self._names = names
        self.exercise_words = tuple(one.exercise for one in languages.values())

    @property
    def languages(self) -> list[str]:
        """Return the codes of the languages that there are."""
        return sorted(self._languages)

    def exercise_word(self, notice: Notice) -> str:
        """Return the word that an exercise's text has to begin with."""
        return self._language(notice).exercise

    def render(self, notice: Notice, now_ms: int) -> str:
        """Put a notice into words; one whose language is gone since is put into English."""
        language = self._language(notice)
        minutes = notice.minutes_at(now_ms)
        kind: NoticeKind = "threat_now" if notice.kind == "threat" and not minutes else notice.kind
        above = {} if notice.place_kind == "region" else language.above
        template = above.get(kind, language.texts[kind])
        text = template.format(place=self._place(notice, language), minutes=minutes)
        return f"{language.exercise}: {text}" if notice.status == "Exercise" else text

    def _language(self, notice: Notice) -> Language:
        return self._languages.get(notice.language) or self._languages[FALLBACK]

    def _place(self, notice: Notice, language: Language) -> str:
        """Return the name of the place; the alliance reads which nations it is about."""
        first, *more = notice.nations or (notice.place,)
        name = self._name(first, language)
        return f"{name} +{len(more)}" if more else name

    def _name(self, place: str, language: Language) -> str:
        return language.places.get(place, self._names.get(place, place))


def parse_language(text: str, where: str) -> Language:
    """Read a language's file; raise ``InputError`` naming what is wrong with it."""
    try:
        language = Language.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not TOML: {error}") from None
    except ValidationError as error:
        raise InputError(f"{where}: {describe_validation_error(error)}") from None
    missing = [kind for kind in KINDS if kind not in language.texts]
    if missing:
        raise InputError(f"{where}: no text for {', '.join(missing)}")
    for kind, template in (*language.texts.items(), *language.above.items()):
        if (reason := _why_no_template(kind, template)) is not None:
            raise InputError(f"{where}: text for {kind}: {reason}, got {template!r}")
    return language


def count(text: str) -> Counted:
    """Return how many SMS a text is cut into."""
    characters = len(text.encode("utf-16-be")) // 2  # as UCS-2 counts: some signs twice
    short = characters <= _ALWAYS_ONE
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
        for kind, found in long.items():
            place, worst = max(found, key=lambda one: (one[1].parts, one[1].characters))
            more = f" (and for {len(found) - 1} more)" if len(found) > 1 else ""
            yield (
                f"language {language}: text {kind} for {place}{more} has {worst.characters} "
                f"characters, {worst.parts} SMS: {worst.text}"
            )


def samples(
    texts: Texts, language: str, place: str, place_kind: PlaceKind, environment: Environment
) -> Iterator[tuple[NoticeKind, Counted]]:
    """Yield every text of a language for a place, as long as it can get."""
    for kind in KINDS:
        if kind in _ALLIANCE_ONLY and place_kind != "alliance":
            continue
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
            "minutes": _MOST_MINUTES if kind == "threat" else None,
        }
    )


def _why_no_template(kind: NoticeKind, template: str) -> str | None:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        return str(error)
    wanted = ["place", "minutes"] if kind == "threat" else ["place"]
    fields = [
        name + (form or "") + (conversion or "")
        for _, name, form, conversion in parts
        if name is not None
    ]
    if sorted(fields) != sorted(wanted):
        named = " and ".join(f"{{{name}}}" for name in wanted)
        return f"{named} must stand in it once, and nothing else in braces"
    return None
