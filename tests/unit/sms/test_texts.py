"""The texts: every kind in every language, within one SMS."""

import re
from pathlib import Path
from typing import Any

import pytest
from builders import T0_MS, place_alert
from repository import ROOT
from sms_rig import NAMES, TEXTS

from consumers.sms.rules.notice import Notice, notice_of
from consumers.sms.rules.texts import Texts, count, samples, too_long
from skyfence.adapters.files import load_catalogue, load_zones
from skyfence.contracts.alert import PlaceKind
from skyfence.naming import Environment
from skyfence.texts.catalogue import TextFile, parse_catalogue

ENGLISH = (ROOT / "skyfence" / "texts" / "en.toml").read_text()
# Letters of each language; a text without one would be another language's, or written without them.
LETTERS = {"ro": "ăâîșțĂÂÎȘȚ", "lv": "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽ"}
# What looks like a Romanian letter and is a Turkish one.
CEDILLAS = "şţŞŢ"


def notice(kind: str = "violation", **changes: object) -> Notice:
    """Return a notice of a region."""
    alert = place_alert(environment=Environment.EXERCISE)
    made = notice_of(alert, T0_MS, None).model_dump()
    return Notice.model_validate(made | {"kind": kind, "language": "en"} | changes)


@pytest.mark.parametrize("environment", Environment)
def test_every_text_is_one_sms_with_the_longest_name(environment: Environment) -> None:
    """No text of ours needs a second SMS for any place of the default zones, exercises included."""
    zones = load_zones()
    kinds: dict[str, PlaceKind] = {
        zone.id: "region" if zone.is_region else "nation" for zone in zones.zones
    }
    texts = Texts(load_catalogue(), zones.names)
    assert list(too_long(texts, kinds | {"NATO": "alliance"}, environment)) == []


def test_a_text_that_is_too_long_is_named_with_language_kind_and_place() -> None:
    """The warning says what does not fit, for whom, and how long it gets."""
    longer = ENGLISH.replace("air threat in ~", "there is a threat in the air, in about ")
    catalogue = parse_catalogue([TextFile("en", longer, "en.toml")])
    texts = Texts(catalogue, {"X-1": "Ānĝulō of the Long Name", "X-2": "Āb", "X-3": "Ān"})
    kinds: dict[str, PlaceKind] = dict.fromkeys(["X-1", "X-2", "X-3"], "region")
    [line] = too_long(texts, kinds, Environment.ACTUAL)
    assert line.startswith("language en: text threat for X-1 has 8")
    assert ", 2 SMS: Ānĝulō of the Long Name: there is" in line
    assert [line.split(" has ")[0] for line in too_long(texts, kinds, Environment.EXERCISE)] == [
        "language en: text threat for X-1 (and for 2 more)"
    ]


@pytest.mark.parametrize(
    ("language", "place", "objects", "text"),
    [
        ("en", "X-1", 5, "Short: 5 objects in the air! Take cover! Sky not seen."),
        ("en", "X-1", 1, "Short: danger in the air! Take cover! Sky not seen."),
        ("ro", "X-1", 5, "Short: ținte: 5. Adăpostiți-vă acum! Cer neobservat."),
        ("ro", "X-2", 5, f"{'Long' * 7}: ținte: 5. Adăpostiți-vă acum!"),
    ],
)
def test_that_the_sky_is_not_seen_is_added_where_there_is_room(
    language: str, place: str, objects: int, text: str
) -> None:
    """Level, number and what to do come first; the rest only as long as it is one SMS."""
    alert = place_alert(place=place, objects=objects, unseen=True, news=("objects", "unseen"))
    texts = Texts(load_catalogue(), {"X-1": "Short", "X-2": "Long" * 7})
    told = notice_of(alert, T0_MS, None).model_copy(update={"language": language})
    assert texts.render(told, T0_MS) == text
    assert count(text).parts == 1


def test_what_says_that_the_sky_is_not_seen_says_it_once() -> None:
    """Where nothing threatens, the text of that kind is enough."""
    alert = place_alert("watch", unseen=True, news=("unseen",))
    told = notice_of(alert, T0_MS, None)
    assert TEXTS.render(told, T0_MS).endswith(": sky not seen now. Keep watch!")


def test_a_text_is_counted_as_a_gateway_cuts_it() -> None:
    """160 plain letters are one SMS, 71 with a diacritic are two; some signs count twice."""
    assert [count("a" * n).parts for n in (160, 161)] == [1, 2]
    assert [count("ā" * n).parts for n in (70, 71)] == [1, 2]
    assert [count("{" * n).parts for n in (80, 81)] == [1, 2]
    assert count("ā🛰").characters == 3


@pytest.mark.parametrize("language", LETTERS)
def test_languages_are_written_with_their_letters(language: str) -> None:
    """Romanian has its commas below, not cedillas; Latvian its lengths; and both use them."""
    texts = [
        counted.text
        for _, counted in samples(TEXTS, language, "AA-1", "region", Environment.ACTUAL)
    ]
    for text in texts:
        assert not set(text) & set(CEDILLAS)
        strange = re.findall(r"[^\x20-\x7e]", text)
        assert set(strange) <= set(LETTERS[language])
    assert sum(bool(set(text) & set(LETTERS[language])) for text in texts) > len(texts) // 2


def test_each_kind_says_something_of_its_own() -> None:
    """No two kinds of a language have one text, for a region or above."""
    for language in TEXTS.languages:
        for place, kind in (("AA-1", "region"), ("AA", "nation"), ("NATO", "alliance")):
            rendered = [
                counted.text
                for _, counted in samples(TEXTS, language, place, kind, Environment.ACTUAL)  # type: ignore[arg-type]
            ]
            assert len(set(rendered)) == len(rendered)


def test_a_text_names_the_place_and_the_minutes_left() -> None:
    """A region by its name, a nation in the reader's language, the alliance by who is concerned."""
    late_ms = T0_MS + 61_000
    assert TEXTS.render(notice("threat", minutes=4, status="Actual"), late_ms) == (
        "Southshire: air threat in ~3 min. Get ready."
    )
    soon = notice("threat", minutes=1, status="Actual")
    assert TEXTS.render(soon, late_ms) == "Southshire: air threat within a minute!"
    nation = notice(place="RO", place_kind="nation", language="lv", status="Actual")
    assert TEXTS.render(nation, 0) == "Rumānija: apstiprināts gaisa telpas pārkāpums."
    alliance: dict[str, Any] = {
        "place": "NATO",
        "place_kind": "alliance",
        "nations": ("LV", "LT"),
        "language": "ro",
    }
    assert TEXTS.render(notice(status="Actual", **alliance), 0).startswith("Letonia +1: ")


def test_the_number_of_objects_is_said() -> None:
    """In each language, and beside the minutes that are left when it is sent."""
    raid = {"objects": 7, "status": "Actual"}
    assert TEXTS.render(notice("violation_many", **raid), 0) == (
        "Southshire: 7 objects in the air! Take cover!"
    )
    ahead = notice("threat_many", minutes=4, **raid)
    assert TEXTS.render(ahead, T0_MS) == "Southshire: 7 objects in ~4 min. Get ready."
    assert TEXTS.render(ahead, T0_MS + 240_000) == "Southshire: 7 objects within a minute!"
    for language in TEXTS.languages:
        assert "7" in TEXTS.render(notice("violation_many", language=language, **raid), 0)


def test_an_exercise_says_so_before_all_else() -> None:
    """The language's exercise word is the first of the text."""
    for language, word in (("en", "EXERCISE"), ("ro", "EXERCIȚIU"), ("lv", "MĀCĪBAS")):
        text = TEXTS.render(notice(language=language), 0)
        assert text.startswith(f"{word}: Southshire: ")


def test_a_language_that_is_gone_is_read_in_english() -> None:
    """What was put for a language without texts is sent rather than lost."""
    assert TEXTS.render(notice(language="xx", status="Actual"), 0).startswith("Southshire: danger")


def test_a_language_is_added_by_a_file(tmp_path: Path) -> None:
    """A folder's file is a language more, or another wording of one that there is."""
    polish = ENGLISH.replace("English", "polski").replace('"EXERCISE"', '"ĆWICZENIA"')
    (tmp_path / "pl.toml").write_text(polish)
    (tmp_path / "en.toml").write_text(ENGLISH.replace("danger in the air!", "air raid!"))
    texts = Texts(load_catalogue(tmp_path), NAMES)
    assert texts.languages == ["en", "lv", "pl", "ro"]
    assert "ĆWICZENIA" in texts.exercise_words
    assert "air raid!" in texts.render(notice(), 0)


def test_a_text_that_a_language_lacks_is_sent_in_english_and_named(tmp_path: Path) -> None:
    """Who has no words of its own for a kind is warned in English rather than not at all."""
    polish = ENGLISH.replace('"EXERCISE"', '"ĆWICZENIA"').replace("lost_watch =", "# ")
    (tmp_path / "pl.toml").write_text(polish.replace("danger in the air!", "alarm!"))
    texts = Texts(load_catalogue(tmp_path), NAMES)
    rendered = [
        texts.render(notice(kind, language="pl"), 0) for kind in ("violation", "lost_watch")
    ]
    assert rendered == [
        "ĆWICZENIA: Southshire: alarm! Take cover!",
        "ĆWICZENIA: Southshire: object out of sight. Stay alert.",
    ]
    assert list(texts.fall_backs()) == [
        "language pl: no text for sms.texts.lost_watch: sent in English"
    ]


def test_the_languages_that_come_along_have_every_text() -> None:
    """No SMS of Romanian or Latvian falls back to English."""
    assert list(TEXTS.fall_backs()) == []


def test_the_minutes_of_an_alert_reach_the_text() -> None:
    """From the alert's own field, through the notice, as counted when it is sent."""
    alert = place_alert("prepare", minutes_left=7)
    made = notice_of(alert, T0_MS, None).model_copy(update={"language": "lv"})
    assert "pēc ~7 min" in TEXTS.render(made, T0_MS)
