"""Who gets SMS: recipients by place and language, and those who want none.

    number,language,places                     CSV, the header as it stands here, any order
    +40700000001,ro,RO-TL RO                   places: regions, nations, NATO, with blanks between
    # what follows a hash is left out

In Redis the same is a hash, number to ``ro RO-TL RO``. A number is in E.164 form and stands once;
its person gets alerts of its places only. One bad line refuses the whole list, because a list that
is half right would be taken for whole. Numbers are personal data: errors and logs show them
``masked``. Does not read files.
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
    """A person: number in E.164 form, code of the language, and names of places."""

    number: str
    language: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class RecipientList:
    """All recipients of a list, or all its faults."""

    recipients: tuple[Recipient, ...] = ()
    wrong: tuple[str, ...] = ()

    def of(self, place: str) -> list[Recipient]:
        """Return the recipients of alerts for a place."""
        return [recipient for recipient in self.recipients if place in recipient.places]


class KnownPlaces:
    """The languages that have texts and the places that have alerts: a list may name no others."""

    def __init__(self, languages: Collection[str], places: Collection[str]) -> None:
        self._languages = languages
        self._places = places

    def reasons(self, recipient: Recipient) -> Iterator[str]:
        """Yield each fault of a recipient."""
        if (reason := why_no_number(recipient.number)) is not None:
            yield reason
        if recipient.language not in self._languages:
            known = ", ".join(sorted(self._languages))
            yield f"language {recipient.language!r} has no texts, there are {known}"
        if not recipient.places:
            yield "no places"
        for place in recipient.places:
            if place not in self._places:
                yield f"no place {place!r} is known"


def read_csv(text: str, where: str, known: KnownPlaces) -> RecipientList:
    """Read the text of a CSV file of recipients; ``where`` names the file in faults."""
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
    """Read a Redis hash of recipients, from number to language and places.

    Its fields have no order, so faults name the masked number and no line.
    """
    rows: list[_Row] = []
    for number, value in sorted(fields.items()):
        language, *places = value.split() or [""]
        at = f"{where}: {masked(number)}"
        rows.append((at, Recipient(number.strip(), language, tuple(places))))
    return _people(rows, known)


def read_opt_outs(lines: Iterable[str], where: str) -> tuple[frozenset[str], list[str]]:
    """Return the numbers that want no SMS, and the faults of the lines."""
    numbers: set[str] = set()
    wrong: list[str] = []
    for at, line in enumerate(lines, 1):
        number = line.partition("#")[0].strip()
        if not number:
            continue
        reason = why_no_number(number)
        if reason is None:
            numbers.add(number)
        else:
            wrong.append(f"{where}: line {at}: {reason}")
    return frozenset(numbers), wrong


def why_no_number(number: str) -> str | None:
    """Return why a text is no number in E.164 form, None if it is one."""
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return f"number {masked(number)} is not in E.164 form, as +37120000000"
    if phonenumbers.format_number(parsed, PhoneNumberFormat.E164) != number:
        return f"number {masked(number)} is not in E.164 form: a plus and digits alone"
    # Only the length is checked: countries open new ranges of numbers faster than libraries follow.
    if not phonenumbers.is_possible_number(parsed):
        return f"number {masked(number)} is too short or too long for its country"
    return None


def masked(number: str) -> str:
    """Return a number as logs may show it: the country's code and the last two digits.

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


# The place in the list (file and line, or key and number), and the recipient there.
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
    for where, recipient in rows:
        if not recipient.number:
            wrong.append(f"{where}: not a number, a language and places")
            continue
        wrong += [f"{where}: {reason}" for reason in known.reasons(recipient)]
        if recipient.number in first:
            wrong.append(f"{where}: number {masked(recipient.number)} stands there twice")
        first[recipient.number] = where
        recipients.append(recipient)
    return RecipientList((), tuple(wrong)) if wrong else RecipientList(tuple(recipients))
