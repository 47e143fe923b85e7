"""The signature of a frame: that its source sent it, and that nobody has changed it on the way.

    topic, key, headers, value ──▶ HMAC-SHA256 with the source's key ──▶ header ``signature``

The topic is signed, too, so that what was sent as an exercise is nothing in the actual world. What
is signed is preceded by its length, so that no part can pass for another. A frame that is sent
again is known by its time: reports that are not newer than their track's last change nothing. Reads
no files (``adapters.signing_keys``), and shows no key.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from skyfence.contracts.rejected import BadInputError
from skyfence.frames.frame import source_of

HEADER: Final = "signature"
# As many bytes as the digest has: a shorter key would be the weaker of the two.
KEY_BYTES: Final = 32
_VERSION: Final = b"v1,"
# All headers that say what a message means, in this order; one that is missing is signed as empty.
_SIGNED_HEADERS: Final = ("content-type", "run", "scan-time", "last")


def sign(
    signing_key: bytes, topic: str, key: bytes, value: bytes, headers: Mapping[str, bytes]
) -> bytes:
    """Return what the header ``signature`` of a message is to hold."""
    parts = [topic.encode(), key, *(headers.get(name, b"") for name in _SIGNED_HEADERS), value]
    digest = hmac.new(signing_key, digestmod=hashlib.sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return _VERSION + base64.b64encode(digest.digest())


class FrameVerifier:
    """Refuses what the sources that must sign have not signed.

    ``keys`` holds those sources with the keys that count: two, while one takes over from the other.
    """

    def __init__(self, topic: str, keys: Mapping[str, Sequence[bytes]]) -> None:
        self._topic = topic
        self._keys = dict(keys)

    def check(self, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> None:
        """Raise ``BadInputError`` unless a message may count as its source's.

        A message whose key names no source is left to who reads it.
        """
        source = source_of((key or b"").decode("ascii", "replace"))
        signing_keys = self._keys.get(source)
        if signing_keys is None:
            return
        given = headers.get(HEADER)
        if given is None:
            text = f"source {source} must sign its messages, and this one has no signature"
            raise BadInputError("signature", text)
        wanted = (sign(own, self._topic, key or b"", value or b"", headers) for own in signing_keys)
        if not any(hmac.compare_digest(given, signature) for signature in wanted):
            text = f"the signature is not made with a key of source {source} for {self._topic}"
            raise BadInputError("signature", text)
