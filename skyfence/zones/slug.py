"""Identifiers made of names: only letters that every channel can carry, always the same ones.

    Rēzekne 2 (šaušana)  ─▶  Rezekne-2-sausana
    Рівне                ─▶  Rivne

Diacritics fall away; Greek and Cyrillic letters follow a table (Cyrillic by Ukraine's rules of
2010, with its neighbours' letters added). The table is our own because a library's could change,
and with it the names of channels. Letters of other scripts are dropped.
"""

import re
import unicodedata
from typing import Final

_LATIN: Final = "ß ss æ ae œ oe ø o đ d ð d þ th ł l ħ h ı i ŋ n ŧ t"
_GREEK: Final = (
    "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f "
    "χ ch ψ ps ω o"
)
_CYRILLIC: Final = (
    "а a б b в v г h ґ g д d е e є ie ж zh з z и y і i ї i й i к k л l м m н n о o п p р r с s "
    "т t у u ф f х kh ц ts ч ch ш sh щ shch ю iu я ia ё e ы y э e ў u ј j љ lj њ nj ћ c ђ d џ dz"
)
_WORDS: Final = f"{_LATIN} {_GREEK} {_CYRILLIC}".split()
_LETTERS: Final = dict(zip(_WORDS[::2], _WORDS[1::2], strict=True)) | {"ь": "", "ъ": ""}
_TABLE: Final = str.maketrans(
    _LETTERS
    | {letter.upper(): latin.capitalize() for letter, latin in _LETTERS.items() if letter != "ß"}
)
_LONGEST: Final = 64  # of a zone's identifier


def slug(text: str) -> str:
    """Return a name as an identifier, or nothing where no letter or digit is left of it.

    >>> slug("Rēzekne 2 (šaušana)")
    'Rezekne-2-sausana'
    """
    plain = unicodedata.normalize("NFC", text).translate(_TABLE)
    apart = unicodedata.normalize("NFKD", plain)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    joined = re.sub(r"[^A-Za-z0-9._]+", "-", bare.translate(_TABLE))
    return joined.lstrip("._-")[:_LONGEST].rstrip("._-")
