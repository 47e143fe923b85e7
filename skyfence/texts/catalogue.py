"""The catalogue: the texts of all languages, with English for those that a language lacks.

    en.toml ──▶ must have every text ──┐
    ro.toml ──▶ texts that it lacks ───┴──▶ English ──▶ Language, complete
    files of one's own ──▶ add a language, or replace one

A language's code is its file's name. Texts that a language lacks are taken from English, and
``missing`` names them. Does not open files (``skyfence.adapters.files``) and fills in no template:
``consumers.sms.rules.texts``, ``skyfence.incidents.wording`` and their like do.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import ValidationError

from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.report import Category
from skyfence.errors import InputError
from skyfence.texts.tables import Language, NoticeKind, PublicKind, UpdateKind, placeholders

ENGLISH: Final = "en"
# Keys that each language has for itself; all others fall back to English.
_OWN: Final = ("name", "exercise", "places")
# Tables whose keys are not fields of a model, and that have to hold all of them in English.
_WHOLE: Final[Mapping[str, object]] = {
    "operators.objects": Category,
    "operators.headline": UpdateKind,
    "public.headline": PublicKind,
    "public.instruction": PublicKind,
    "sms.texts": NoticeKind,
}
# Kinds of the last release, which spoke of incidents; people hear of places now. A file that still
# has them is read without them.
_SMS_GONE: Final = ("possible", "exited", "merged", "situation", "situation_over")
_GONE: Final[Mapping[str, tuple[str, ...]]] = {
    "public.headline": ("Merged",),
    "public.instruction": ("Merged",),
    "sms.texts": _SMS_GONE,
    "sms.above": _SMS_GONE,
}


@dataclass(frozen=True)
class TextFile:
    """A language's file: the language's code, the file's text, and its path for errors."""

    code: str
    text: str
    where: str


@dataclass(frozen=True)
class Catalogue:
    """All languages by their codes, and the dotted keys of the texts that each of them lacks."""

    languages: Mapping[str, Language]
    missing: Mapping[str, tuple[str, ...]]

    @property
    def english(self) -> Language:
        """Return English, the language of operators' channels."""
        return self.languages[ENGLISH]

    def language(self, code: str) -> Language:
        """Return a language; English where there is none of that code."""
        return self.languages.get(code, self.english)


def parse_catalogue(files: Iterable[TextFile], own: Iterable[TextFile] = ()) -> Catalogue:
    """Read the shipped languages (``files``) and those in ``own``, which add or replace languages.

    ``files`` must hold English, with every text; an English in ``own`` falls back to it. Raises
    ``InputError`` that names the file and its first fault.
    """
    shipped = {file.code: file for file in files}
    added = {file.code: file for file in own}
    if ENGLISH not in shipped:
        raise InputError(f"no texts in English ({ENGLISH}.toml), only in {sorted(shipped)}")
    english = _document(shipped[ENGLISH])
    _language(english, shipped[ENGLISH].where)
    if ENGLISH in added:
        english = _filled_up(_document(added[ENGLISH]), english)
    languages: dict[str, Language] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for code, file in (shipped | added).items():
        document = _document(file)
        languages[code] = _language(_filled_up(document, english), file.where)
        missing[code] = tuple(_missing(document, _fall_back(document, english)))
    return Catalogue(languages, missing)


def _document(file: TextFile) -> dict[str, Any]:
    """Return a file's tables; a file with texts of SMS only may have them at its top level."""
    try:
        document = tomllib.loads(file.text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file.where}: not TOML: {error}") from None
    if "sms" not in document and "texts" in document:
        document["sms"] = {
            table: document.pop(table) for table in ("texts", "above") if table in document
        }
    for path, kinds in _GONE.items():
        table = _table(document, path)
        for kind in kinds:
            table.pop(kind, None)
    return document


def _language(document: Mapping[str, Any], where: str) -> Language:
    """Return the language of a document with no gaps; raise ``InputError`` for its first fault."""
    try:
        language = Language.model_validate(document)
    except ValidationError as error:
        raise InputError(f"{where}: {describe_validation_error(error)}") from None
    for table, kinds in _WHOLE.items():
        texts = _table(document, table)
        if lacking := [key for key in _keys(kinds) if key not in texts]:
            raise InputError(f"{where}: no text for {', '.join(f'{table}.{k}' for k in lacking)}")
    for kind, template in (*language.sms.texts.items(), *language.sms.above.items()):
        if (reason := _why_no_sms(kind, template)) is not None:
            raise InputError(f"{where}: text for {kind}: {reason}, got {template!r}")
    return language


def _filled_up(document: Mapping[str, Any], english: Mapping[str, Any]) -> dict[str, Any]:
    return _united(document, _fall_back(document, english))


def _fall_back(document: Mapping[str, Any], english: Mapping[str, Any]) -> dict[str, Any]:
    """Return the English texts that may fill a language's gaps.

    A language may have an SMS of its own for regions and none for nations and the alliance: then
    its own is for all of them, and English's for nations and the alliance does not count.
    """
    texts = {name: table for name, table in english.items() if name not in _OWN}
    own = _table(document, "sms.texts")
    above = {kind: text for kind, text in _table(english, "sms.above").items() if kind not in own}
    return texts | {"sms": {**_table(english, "sms"), "above": above}}


def _united(own: Mapping[str, Any], english: Mapping[str, Any]) -> dict[str, Any]:
    """Return a language's table with its gaps filled from English, at every depth."""
    united = dict(own)
    for key, value in english.items():
        if key not in own:
            united[key] = value
        elif isinstance(value, dict) and isinstance(own[key], dict):
            united[key] = _united(own[key], value)
    return united


def _missing(own: Mapping[str, Any], english: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted keys of the English texts that ``own`` lacks."""
    for key, value in english.items():
        if isinstance(value, dict):
            table = own.get(key, {})
            yield from _missing(table if isinstance(table, dict) else {}, value, f"{path}{key}.")
        elif key not in own and path != "sms.above.":
            yield path + key


def _table(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the table at a dotted path; an empty one where there is none."""
    table = dict(document)
    for name in path.split("."):
        inner = table.get(name)
        table = inner if isinstance(inner, dict) else {}
    return table


def _keys(kinds: Any) -> Iterator[str]:
    """Yield the words of a literal type, or of a union of them."""
    for kind in get_args(kinds):
        yield from [kind] if isinstance(kind, str) else _keys(kind)


def _why_no_sms(kind: NoticeKind, template: str) -> str | None:
    """Return the fault of an SMS's template, None if it names what it must and nothing else.

    That is the place and, where the kind has them, the minutes and the number of objects.
    """
    try:
        names = placeholders(template)
    except ValueError as error:
        return str(error)
    wanted = ["place"]
    if kind in ("threat", "threat_many"):
        wanted.insert(0, "minutes")
    if kind.endswith("_many"):
        wanted.insert(0, "objects")
    if sorted(names) != sorted(wanted):
        named = " and ".join(f"{{{name}}}" for name in wanted)
        return f"{named} must stand in it once, and nothing else in braces"
    return None
