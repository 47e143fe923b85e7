"""Who gets SMS: recipients by place and language, and those who want none.

    number,language,places                     CSV, the header as it stands here, any order
    +40700000001,ro,RO-TL RO                   places: regions, nations, NATO, with blanks between
    # what follows a hash is left out

In Redis the same is a hash, number to ``ro RO-TL RO``. A number is in E.164 form and stands once;
its places are all that its person is told of. One bad line refuses the whole list, because a list
that is half right would be taken for whole. Numbers are people's: what is said of them here and
elsewhere is ``masked``. Does not read files.
"""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_COLUMNS: Final = ("number", "language", "places")
_KEPT_DIGITS: Final = 2


@dataclass(frozen=True)
class Recipient:
    """A person: the number, the language, and the places that they answer for."""

    number: str
    language: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class RecipientList:
    """All recipients, and all that is wrong with their list."""

    recipients: tuple[Recipient, ...] = ()
    wrong: tuple[str, ...] = ()

    def of(self, place: str) -> list[Recipient]:
        """Return who is told of a place."""
        return [one for one in self.recipients if place in one.places]


class KnownPlaces:
    """What a list of recipients may name: languages that have texts, places that have alerts."""

    def __init__(self, languages: Collection[str], places: Collection[str]) -> None:
        self._languages = languages
        self._places = places

    def reasons(self, one: Recipient) -> Iterator[str]:
        """Yield what is wrong with a recipient."""
        if (reason := why_no_number(one.number)) is not None:
            yield reason
        if one.language not in self._languages:
            known = ", ".join(sorted(self._languages))
            yield f"language {one.language!r} has no texts, there are {known}"
        if not one.places:
            yield "no places"
        for place in one.places:
            if place not in self._places:
                yield f"no place {place!r} is known"


def read_csv(text: str, where: str, known: KnownPlaces) -> RecipientList:
    """Read a file of recipients."""
    lines = text.removeprefix("\ufeff").splitlines()
    rows = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        return RecipientList(wrong=(f"{where}: no recipients",))
    header_at, header = rows[0]
    mark = ";" if ";" in header else ","  # as spreadsheets of many countries write it
    columns = [name.strip() for name in next(csv.reader([header], delimiter=mark))]
    if sorted(columns) != sorted(_COLUMNS):
        wanted = ",".join(_COLUMNS)
        return RecipientList(wrong=(f"{where}: line {header_at}: the header must be {wanted}",))
    return _people(_csv_rows(rows[1:], columns, mark, where), known)


def read_hash(fields: Mapping[str, str], where: str, known: KnownPlaces) -> RecipientList:
    """Read a Redis hash of recipients; its fields have no order, so they are named by number."""
    rows: list[_Row] = []
    for number, value in sorted(fields.items()):
        language, *places = value.split() or [""]
        at = f"{where}: {masked(number)}"
        rows.append((at, Recipient(number.strip(), language, tuple(places))))
    return _people(rows, known)


def read_opt_outs(lines: Iterable[str], where: str) -> tuple[frozenset[str], list[str]]:
    """Read the numbers that want no SMS, and what is wrong with them."""
    found: set[str] = set()
    wrong: list[str] = []
    for at, line in enumerate(lines, 1):
        number = line.partition("#")[0].strip()
        if not number:
            continue
        reason = why_no_number(number)
        if reason is None:
            found.add(number)
        else:
            wrong.append(f"{where}: line {at}: {reason}")
    return frozenset(found), wrong


def why_no_number(number: str) -> str | None:
    """Return why this is no number in E.164 form, if so."""
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return f"number {masked(number)} is not in E.164 form, as +37120000000"
    if phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number:
        return f"number {masked(number)} is not in E.164 form: a plus and digits alone"
    # Only its length is judged: what numbers a country gives out changes faster than libraries.
    if not phonenumbers.is_possible_number(parsed):
        return f"number {masked(number)} is too short or too long for its country"
    return None


def masked(number: str) -> str:
    """Return a number as it may be shown: the country and the last two digits.

    >>> masked("+40712345678")
    '+40*******78'
    """
    try:
        shown = f"+{phonenumbers.parse(number, None).country_code}"
    except NumberParseException:
        shown = ""
    if len(number) < len(shown) + 2 * _KEPT_DIGITS:
        return "*" * len(number)
    hidden = len(number) - len(shown) - _KEPT_DIGITS
    return shown + "*" * hidden + number[-_KEPT_DIGITS:]


# A recipient, and where it stands.
_Row = tuple[str, Recipient]


def _csv_rows(
    rows: Iterable[tuple[int, str]], columns: list[str], mark: str, where: str
) -> Iterator[_Row]:
    for at, line in rows:
        values = [value.strip() for value in next(csv.reader([line], delimiter=mark))]
        row = dict(zip(columns, values, strict=False)) if len(values) == len(columns) else {}
        places = tuple(dict.fromkeys(row.get("places", "").split()))
        recipient = Recipient(row.get("number", ""), row.get("language", ""), places)
        yield f"{where}: line {at}", recipient


def _people(rows: Iterable[_Row], known: KnownPlaces) -> RecipientList:
    recipients: list[Recipient] = []
    wrong: list[str] = []
    first: dict[str, str] = {}
    for where, one in rows:
        if not one.number:
            wrong.append(f"{where}: not a number, a language and places")
            continue
        wrong += [f"{where}: {reason}" for reason in known.reasons(one)]
        if one.number in first:
            wrong.append(f"{where}: number {masked(one.number)} stands there twice")
        first[one.number] = where
        recipients.append(one)
    return RecipientList((), tuple(wrong)) if wrong else RecipientList(tuple(recipients))
