"""Recipients and opt-outs: whole lists or none, each error in its place, and no number shown."""

import pytest

from consumers.sms.rules.recipients import KnownPlaces, masked, read_csv, read_hash, read_opt_outs

KNOWN = KnownPlaces({"en", "ro", "lv"}, {"RO-TL", "RO-CT", "RO", "NATO"})
HEADER = "number,language,places\n"


def test_a_list_is_read_with_its_places() -> None:
    """Columns in any order, comments, blank lines, a spreadsheet's mark and semicolons."""
    text = "\ufeffplaces;number;language\n\n# the duty officers\nRO-TL RO;+40712000001;ro\n"
    people = read_csv(text, "p.csv", KNOWN)
    assert people.wrong == ()
    [recipient] = people.of("RO")
    assert (recipient.number, recipient.language, recipient.places) == (
        "+40712000001",
        "ro",
        ("RO-TL", "RO"),
    )
    assert people.of("RO-CT") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0712000001,ro,RO", "number ********01 is not in E.164 form, as +37120000000"),
        ("+40 712 000 001,ro,RO", "number +40**********01 is not in E.164 form: a plus and "),
        ("+4071,ro,RO", "number ***** is too short or too long for its country"),
        ("+40712000001,hu,RO", "language 'hu' has no texts, there are en, lv, ro"),
        ("+40712000001,ro,RO-XX", "no place 'RO-XX' is known"),
        ("+40712000001,ro,", "no places"),
        ("+40712000001,ro", "not a number, a language and places"),
    ],
)
def test_one_bad_line_refuses_the_list_and_is_named(line: str, reason: str) -> None:
    """With its number; the numbers of people are never shown whole."""
    people = read_csv(f"{HEADER}+40712000009,ro,RO\n\n{line}\n", "p.csv", KNOWN)
    assert people.recipients == ()
    [wrong] = people.wrong
    assert wrong.startswith(f"p.csv: line 4: {reason}")
    assert "2000001" not in wrong


def test_all_bad_lines_are_named() -> None:
    """Whoever mends a list sees all of it at once, a number that stands there twice included."""
    text = HEADER + "+40712000001,ro,RO\n+40712000001,ro,NATO\n1,xx,RO\n"
    wrong = read_csv(text, "p.csv", KNOWN).wrong
    assert [fault.split(": ")[1] for fault in wrong] == ["line 3", "line 4", "line 4"]
    assert "+40*******01 stands there twice" in wrong[0]


@pytest.mark.parametrize("text", ["", "\n# none yet\n", "number,places\n+40712000001,RO\n"])
def test_what_is_no_list_is_an_error(text: str) -> None:
    """An empty file or another header does not pass for nobody."""
    [wrong] = read_csv(text, "p.csv", KNOWN).wrong
    assert wrong.startswith("p.csv: ")


def test_a_hash_is_the_same_list() -> None:
    """In Redis the number is the field, and named masked where the value is wrong."""
    people = read_hash({"+40712000001": "ro RO-TL RO"}, "redis k", KNOWN)
    assert [recipient.places for recipient in people.recipients] == [("RO-TL", "RO")]
    wrong = read_hash({"+40712000001": "", "+40712000002": "ro RO"}, "redis k", KNOWN)
    assert wrong.recipients == ()
    assert all(fault.startswith("redis k: +40*******01: ") for fault in wrong.wrong)


def test_opt_outs_are_numbers_line_by_line() -> None:
    """Comments and blank lines are left out, what is no number is named."""
    lines = ["# asked on Monday", "+40712000001  # by letter", "", "0712"]
    numbers, wrong = read_opt_outs(lines, "o.txt")
    assert numbers == {"+40712000001"}
    assert wrong == ["o.txt: line 4: number **12 is not in E.164 form, as +37120000000"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+40712345678", "+40*******78"),
        ("+37121234567", "+371******67"),
        ("0712345678", "********78"),
        ("+4", "**"),
        ("123", "***"),
        ("", ""),
    ],
)
def test_a_number_is_shown_by_country_and_end(number: str, shown: str) -> None:
    """Nothing else of it, and nothing at all where too little would be hidden."""
    assert masked(number) == shown
