"""The locked dependencies' licences: each is one that Apache-2.0 can live with, none is GPL.

Read from what each installed distribution says of itself: the SPDX expression, else its classifier,
else its ``License`` field. A new dependency under another licence fails here: somebody decides.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Final

import pytest
from repository import ROOT

# SPDX identifiers. Weak copyleft (MPL) stays within its own files, which we do not change.
ALLOWED: Final = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
# Trove classifiers and free text, for distributions without an SPDX expression.
SPELLED: Final = {
    "Apache 2": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT style": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "BSD-3-Clause",  # BSD-derived, says venusian itself
}
# Locked for other platforms than the one that tests run on.
ELSEWHERE: Final = {"colorama"}


def locked(name: str) -> list[str]:
    """Return the names of the distributions that a lock file pins."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)


def licences(installed: Distribution) -> list[str]:
    """Return the SPDX identifiers of a distribution's licences, all that may apply."""
    metadata = installed.metadata
    if expressions := metadata.get_all("License-Expression"):
        return re.split(r"\s+(?:AND|OR)\s+|[()]\s*", expressions[0])
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    texts = metadata.get_all("License") or ["nothing said"]
    licence_names = classifiers or re.split(r"\s+(?:AND|OR)\s+", texts[0])
    return [SPELLED.get(name, name) for name in licence_names]


@pytest.mark.parametrize("name", sorted({*locked("dev.txt"), *locked("runtime.txt")}))
def test_the_licence_is_allowed(name: str) -> None:
    """Each locked distribution is under a licence of the list, all parts of it."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        assert name in ELSEWHERE
        return
    assert set(filter(None, licences(installed))) <= ALLOWED


def test_a_gpl_is_noticed() -> None:
    """GPL in its usual spellings is not on the list."""
    spellings = {"GPL-3.0-only", "GPL-2.0-or-later", "GNU General Public License v3 (GPLv3)"}
    assert not spellings & (ALLOWED | set(SPELLED) | set(SPELLED.values()))
