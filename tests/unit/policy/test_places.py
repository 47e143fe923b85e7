"""Places that a policy names: each must be known, and one that is not is named with its line."""

from collections.abc import Mapping

import pytest

from skyfence.contracts.alert import PlaceKind
from skyfence.policy.places import unknown_places

KINDS: Mapping[str, PlaceKind] = {
    "NATO": "alliance",
    "RO": "nation",
    "RO-TL": "region",
    "RO-CT": "region",
    "PLANT": "zone",
}
NAMES = {"RO": "Romania", "RO-TL": "Tulcea", "RO-CT": "Constanța", "PLANT": "A plant"}


def findings(*lines: str) -> list[str]:
    return unknown_places("\n".join(['version = "1"', *lines]), "p.toml", KINDS, NAMES)


def test_known_places() -> None:
    """A policy that names places of every kind where they may stand has no finding."""
    assert not findings(
        "[sources.radar]",
        'watches = ["NATO", "RO", "RO-TL", "PLANT"]',
        "[public.regions.RO-TL]",
        'mode = "automatic"',
    )


@pytest.mark.parametrize(
    ("place", "guess"),
    [
        pytest.param("RO-Tl", "'RO-TL'", id="capitals"),
        pytest.param("RO-TLL", "'RO-TL'", id="a letter too many"),
        pytest.param("Tulcea", "'RO-TL'", id="its name"),
    ],
)
def test_a_guess(place: str, guess: str) -> None:
    """A place that is likely meant is named."""
    (finding,) = findings("[sources.radar]", f'watches = ["{place}"]')
    assert finding.endswith(
        f"line 3: sources.radar: watches: unknown place '{place}', did you mean {guess}?"
    )


def test_no_guess() -> None:
    """Nothing is guessed for what looks like no place."""
    (finding,) = findings("[sources.radar]", 'watches = ["ZZZZZZ"]')
    assert finding.endswith("unknown place 'ZZZZZZ'")


def test_the_line_is_of_the_section() -> None:
    """A place that is wrong in one section is found there, though another line has the word."""
    found = findings(
        '# "XX" is nowhere',
        "[sources.a]",
        'watches = ["XX"]',
        "[sources.b]",
        "watches = [",
        '  "RO",',
        '  "XX",',
        "]",
        "[public.regions.XX]",
        'mode = "held"',
    )
    assert [line.split(": ")[1] for line in found] == ["line 4", "line 8", "line 10"]


def test_only_regions_have_a_public() -> None:
    """A nation among the regions of the public is an error that says what it is."""
    (finding,) = findings("[public.regions.RO]", 'mode = "held"')
    assert finding.endswith("public.regions: 'RO' is no region but a nation")
