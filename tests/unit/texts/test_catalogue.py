"""The catalogue: whole in English, filled up from it in others, exact about what is wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from repository import ROOT

from skyfence.adapters.files import load_catalogue
from skyfence.errors import InputError, UnavailableError
from skyfence.texts.catalogue import Catalogue, TextFile, parse_catalogue

FOLDER = ROOT / "skyfence" / "texts"
ENGLISH = (FOLDER / "en.toml").read_text()
HEAD = 'name = "polski"\nexercise = "ĆWICZENIA"\n'


def catalogue(own: str, code: str = "pl") -> Catalogue:
    """Return English and a language of one's own."""
    return parse_catalogue([TextFile("en", ENGLISH, "en.toml")], [TextFile(code, own, "own.toml")])


def leaves(table: dict[str, Any], path: str = "") -> list[str]:
    return [
        key
        for name, value in table.items()
        for key in (leaves(value, f"{path}{name}.") if isinstance(value, dict) else [path + name])
    ]


KEYS = [key for key in leaves(tomllib.loads(ENGLISH)) if key.count(".")]


@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("places.")])
def test_english_must_have_every_text(key: str) -> None:
    """Without one of its texts it is refused, save those that only say another in other words."""
    table, _, name = key.rpartition(".")
    head, table_head, rest = ENGLISH.partition(f"[{table}]\n")
    lacking = head + table_head + rest.replace(f"\n{name} = ", f"\n#{name} = ", 1)
    if rest.startswith(f"{name} = "):
        lacking = head + table_head + "#" + rest
    files = [TextFile("en", lacking, "en.toml")]
    if table in ("sms.above", "operators.headline_outside", "operators.headline_possible"):
        assert parse_catalogue(files).english != load_catalogue().english
        return
    with pytest.raises(InputError, match=rf"^en\.toml: (no text for )?{key.replace('.', '[.]')}"):
        parse_catalogue(files)


def test_what_a_language_lacks_is_said_in_english_and_named() -> None:
    """Its own texts are its own; all others are English's, and ``missing`` lists them."""
    polish = catalogue(HEAD + '[public.instruction]\nShelter = "Do schronu!"\n')
    own = polish.language("pl")
    assert own.public.instruction["Shelter"] == "Do schronu!"
    assert own.public.instruction["Prepare"] == polish.english.public.instruction["Prepare"]
    assert own.operators == polish.english.operators
    assert "public.instruction.Prepare" in polish.missing["pl"]
    assert "public.instruction.Shelter" not in polish.missing["pl"]
    assert polish.missing["en"] == ()


def test_names_and_the_exercise_word_never_fall_back() -> None:
    """A language says itself what it is called and how exercises begin; names are the zones'."""
    assert catalogue(HEAD).language("pl").places == {}
    for line in HEAD.splitlines():
        with pytest.raises(InputError, match=r"^own\.toml: (name|exercise): field required$"):
            catalogue(HEAD.replace(line, ""))


def test_a_language_that_is_not_there_is_english() -> None:
    """A code that nobody has texts for is read in English."""
    every = load_catalogue()
    assert every.language("xx") == every.english


def test_english_of_one_s_own_falls_back_to_the_one_that_comes_along() -> None:
    """Who words one text anew keeps all others, and other languages fall back to the new one."""
    english = 'name = "English"\nexercise = "DRILL"\n[sms.texts]\nfeed_back = "{place}: back."\n'
    shipped = [TextFile("en", ENGLISH, "en.toml"), TextFile("pl", HEAD, "pl.toml")]
    own = parse_catalogue(shipped, [TextFile("en", english, "own.toml")])
    assert own.english.exercise == "DRILL"
    assert own.english.sms.texts["lost"] == load_catalogue().english.sms.texts["lost"]
    assert own.language("pl").sms.texts["feed_back"] == "{place}: back."


def test_english_for_those_above_does_not_replace_a_language_s_own() -> None:
    """A language with one SMS for all is not half English to nations."""
    polish = catalogue(HEAD + '[sms.texts]\nlost = "{place}: zgubiony"\n').language("pl")
    assert "lost" not in polish.sms.above
    assert polish.sms.above["averted"] == load_catalogue().english.sms.above["averted"]


def test_kinds_that_are_gone_are_passed_over() -> None:
    """A file written for the last release is read, without what no message uses any more."""
    old = (
        '[sms.texts]\nexited = "{place}: poza granicą"\nlost = "{place}: zgubiony"\n'
        '[sms.above]\nmerged = "{place}: dalej"\n[public.headline]\nMerged = "dalej"\n'
    )
    polish = catalogue(HEAD + old).language("pl")
    assert polish.sms.texts["lost"] == "{place}: zgubiony"
    assert "exited" not in polish.sms.texts
    assert "Merged" not in polish.public.headline


def test_a_file_that_has_sms_alone_may_have_their_tables_at_its_top() -> None:
    """Files written for skyfence 0.1 are read as they are."""
    old = HEAD + '[texts]\nlost = "{place}: zgubiony"\n[above]\nlost = "{place}: nie ma"\n'
    polish = catalogue(old).language("pl")
    assert (polish.sms.texts["lost"], polish.sms.above["lost"]) == (
        "{place}: zgubiony",
        "{place}: nie ma",
    )


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ("[sms.texts]\nfed_back = 'x'", r"sms\.texts\.fed_back\.\[key\]: input should be 'threat'"),
        (
            "[sms.texts]\nthreat = '{place}: soon'",
            r"text for threat: \{minutes\} and \{place\} must stand in it once, and nothing else "
            r"in braces, got '\{place\}: soon'$",
        ),
        ("[sms.texts]\nlost = '{place} {minutes}'", r"text for lost: \{place\} must stand"),
        ("[sms.above]\nlost = '{plaze}'", r"text for lost: \{place\} must stand"),
        ("[sms.texts]\nlost = '{place'", r"text for lost: expected '}' before end of string"),
        ("[sms.texts]\nlost = '{place!r}'", r"text for lost: \{place\} must stand"),
        (
            "[public.headline]\nShelter = '{where}'",
            r"public\.headline\.Shelter: \{where\} in braces, "
            r"where \{region\}, \{several\}, \{soon\} may be, got '\{where\}'$",
        ),
        (
            "[operators.instruction]\nfollow = '{thing}'",
            r"operators\.instruction\.follow: \{thing\} in braces, where nothing may be",
        ),
        (
            "[operators.place_headline]\nleft = '{thing.__class__}'",
            r"operators\.place_headline\.left: \{thing\.__class__\} in braces",
        ),
        ("[feed]\nsilent = '{key:>9999}'", r"feed\.silent: \{key:>9999\} in braces"),
        ("[operators.object]\nweight = 'x'", r"operators\.object\.weight: unknown field"),
        ("[palaces]", r"palaces: unknown field"),
        ("sms = 3", r"sms: input should be"),
        ("[", r"not TOML"),
    ],
)
def test_a_wrong_file_is_one_exact_error(own: str, reason: str) -> None:
    """What is unknown or malformed in a language's file is named, with the file."""
    with pytest.raises(InputError, match=rf"^own\.toml: {reason}"):
        catalogue(HEAD + own)


def test_an_exercise_word_is_one_word() -> None:
    """Guards look for it before the first colon."""
    with pytest.raises(InputError, match=r"^own\.toml: exercise: string should match pattern"):
        catalogue(HEAD.replace("ĆWICZENIA", "ĆWI CZENIA"))


def test_english_must_be_among_the_languages() -> None:
    """Without it there would be nothing to fall back to."""
    with pytest.raises(InputError, match=r"^no texts in English \(en\.toml\), only in \['pl'\]$"):
        parse_catalogue([TextFile("pl", HEAD, "pl.toml")])


def test_a_folder_without_texts_is_an_error(tmp_path: Path) -> None:
    """A path that was mistyped is not silently the default."""
    with pytest.raises(UnavailableError, match=r"there are no texts \(\*\.toml\)$"):
        load_catalogue(tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    """Some editors put one before the first letter."""
    (tmp_path / "pl.toml").write_text(HEAD, encoding="utf-8-sig")
    assert load_catalogue(tmp_path).language("pl").name == "polski"
