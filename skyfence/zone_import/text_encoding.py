"""Which encoding a file's letters are in, where it does not say: the one that makes words of them.

    bytes of texts ──▶ each known encoding ──▶ share of letters that one language has ──▶ the best

Windows' single-byte encodings give a letter for almost any byte, so that a wrong one shows "Âdaþi"
for "Ādaži" and nobody is warned. But hardly a language has all of the letters that come out then.
Does not read files.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from skyfence.errors import UsageError

# The letters beyond ASCII of languages, by encoding; of encodings that do as well the first is
# taken. Romanian has cedillas there: Windows-1250 has no comma below.
_LATIN: Final = {
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž"),
    "cp1250": (
        "ăâîşţ",
        "ąćęłńóśźż",
        "áéíóöőúüű",
        "áčďéěíňóřšťúůýž",
        "áäčďéíĺľňóôŕšťúýž",
        "čćđšž",
    ),
    "cp1252": ("äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíóôõúü", "åäæöø"),
    "cp1254": ("âçğıİîöşûü",),
}
_SCRIPTS: Final = {"cp1251": r"[Ѐ-ӿ]", "cp1253": r"[Ͱ-Ͽ]"}
# Below this share the guess is said to be unsure: a name from elsewhere, or none of these.
_SURE: Final = 0.9


@dataclass(frozen=True)
class EncodingGuess:
    """An encoding, by Python's name, and whether nearly all of the letters fit a language in it."""

    name: str
    is_sure: bool


def guess_encoding(texts: Iterable[bytes]) -> EncodingGuess | None:
    """Return the likely encoding of texts, or None where all of them are ASCII."""
    content = b"\n".join(texts)
    if content.isascii():
        return None
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        scores = [(_score(content.decode(name, "replace"), name), name) for name in _ORDER]
        best = max(score for score, _ in scores)
        name = next(name for score, name in scores if score == best)
        return EncodingGuess(name, best >= _SURE)
    return EncodingGuess("utf-8", True)


def checked_encoding(name: str | None) -> str | None:
    """Return an encoding's name as it was given; raise ``UsageError`` for one that is not known."""
    if name is not None:
        try:
            codecs.lookup(name)
        except LookupError:
            raise UsageError(f"--encoding: unknown encoding {name!r}, as utf-8 or cp1257") from None
    return name


_ORDER: Final = (*_LATIN, *_SCRIPTS)


def _score(text: str, encoding: str) -> float:
    """Return the share of the letters beyond ASCII that fit a language of an encoding."""
    letters = [letter for letter in text if not letter.isascii()]
    if encoding in _LATIN:
        alphabets = [{*alphabet, *alphabet.upper()} for alphabet in _LATIN[encoding]]
        return max(sum(letter in own for letter in letters) for own in alphabets) / len(letters)
    # Of another script are whole words, without Latin letters and capitals in the middle.
    words = (word for word in re.findall(r"\w+", text) if not re.search("[A-Za-z]", word))
    whole = "".join(word for word in words if word.isupper() or word[1:] == word[1:].lower())
    return len(re.findall(_SCRIPTS[encoding], whole)) / len(letters)
