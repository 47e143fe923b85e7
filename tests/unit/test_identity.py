"""Derived identifiers: fixed for ever, and different for different things."""

from uuid import UUID

from skyfence.identity import derive


def test_an_identifier_never_changes() -> None:
    """The identifier of known parts is this one, on every machine and in every release."""
    made = derive("actual", "live", "radar", "T1", "NATO", 1)
    assert made == UUID("12e1977a-89ba-5d08-b2c2-125693eaf133")


def test_identifiers_are_of_version_5() -> None:
    """Consumers may rely on the version of RFC 9562 that says "derived from a name"."""
    assert derive("a").version == 5


def test_parts_do_not_run_together() -> None:
    """The same letters cut or ordered otherwise name another thing."""
    made = [derive("ab", "c"), derive("a", "bc"), derive("abc"), derive("c", "ab"), derive("ab c")]
    assert len(set(made)) == len(made)


def test_a_number_is_its_digits() -> None:
    """A step may arrive as a number or as its text and is the same step."""
    assert derive("alerts:RO", 12) == derive("alerts:RO", "12")
