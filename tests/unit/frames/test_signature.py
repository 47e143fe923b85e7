"""Signatures of frames: whose key made them, and over what."""

from typing import Any

import pytest

from skyfence.contracts.rejected import BadInputError
from skyfence.frames.signature import HEADER, FrameVerifier, sign

OWN, OTHER = b"k" * 32, b"o" * 32
TOPIC = "tracks"
SENT: dict[str, Any] = {
    "key": b"radar",
    "value": b"[]",
    "headers": {"scan-time": b"1700000000000", "run": b"live"},
}


def signed(signing_key: bytes = OWN, topic: str = TOPIC, **message: Any) -> dict[str, Any]:
    """Return a message with the signature that a key makes of it."""
    message = SENT | message
    signature = sign(signing_key, topic, **message)
    return message | {"headers": message["headers"] | {HEADER: signature}}


def reason_against(message: dict[str, Any], *keys: bytes) -> str | None:
    """Return why a message is refused where radar must sign, or None."""
    try:
        FrameVerifier(TOPIC, {"radar": keys or (OWN,)}).check(**message)
    except BadInputError as error:
        return f"{error.reason.reason_class}: {error.reason.text}"
    return None


def test_what_the_source_has_signed_is_its_own() -> None:
    """Also while a second key takes over, and for a shard of the source."""
    assert reason_against(signed()) is None
    assert reason_against(signed(), OTHER, OWN) is None
    assert reason_against(signed(key=b"radar/north")) is None


@pytest.mark.parametrize(
    "message",
    [
        SENT,
        signed(OTHER),
        signed(topic="exercise.tracks"),
        signed() | {"value": b"[{}]"},
        signed() | {"key": b"radar/north"},
        SENT | {"headers": {HEADER: b"v1,"}},
        SENT | {"headers": {HEADER: b""}},
    ],
)
def test_what_is_not_is_refused(message: dict[str, Any]) -> None:
    """Without a signature, with another key's, for another topic, or changed on the way."""
    assert (reason_against(message) or "").startswith("signature: ")


@pytest.mark.parametrize("name", ["run", "scan-time", "last", "content-type"])
def test_every_header_with_a_meaning_is_signed(name: str) -> None:
    """Neither a change of one nor one that is added passes."""
    message = signed()
    message["headers"] |= {name: b"1"}
    assert reason_against(message) is not None


def test_no_part_passes_for_another() -> None:
    """The bytes of two parts, divided elsewhere, have another signature."""
    one = sign(OWN, TOPIC, b"radar", b"", {"run": b"ab", "scan-time": b"c"})
    assert one != sign(OWN, TOPIC, b"radar", b"", {"run": b"a", "scan-time": b"bc"})


def test_nobody_else_must_sign() -> None:
    """Sources that need none, and messages without a source's key, pass as they are."""
    for key in (b"other", b"", None, b"\xff", b"radar2"):
        assert reason_against(SENT | {"key": key}) is None


def test_a_reason_shows_no_key() -> None:
    """What is kept in ``rejected`` names the source alone."""
    reason = reason_against(signed(OTHER)) or ""
    assert "source radar" in reason
    assert "oooo" not in reason
