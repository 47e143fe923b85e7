"""Standard Webhooks signatures: who sent a message, when, and that nobody changed it.

    id, time of the attempt, body ──▶ HMAC-SHA256 with each secret ──▶ three headers

As https://www.standardwebhooks.com writes it, symmetric signatures only. Two secrets at once let a
receiver change from one to the other without missing a message. Does not send, reads no clock, and
never shows a secret.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from skyfence.errors import InputError

_PREFIX: Final = "whsec_"
# What the specification allows a secret to have.
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64


def parse_secret(text: str) -> bytes:
    """Return the bytes of a secret; raise ``InputError``, which does not show it."""
    if not text.startswith(_PREFIX):
        raise InputError(f"no webhook secret: it does not begin with {_PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise InputError(f"no webhook secret: what follows {_PREFIX} is not base64") from None
    if not _LEAST_BYTES <= len(secret) <= _MOST_BYTES:
        raise InputError(
            f"no webhook secret: it has {len(secret)} bytes, not {_LEAST_BYTES} to {_MOST_BYTES}"
        )
    return secret


def signed_headers(
    message_id: str, at_s: int, body: bytes, secrets: Sequence[bytes]
) -> dict[str, str]:
    """Return the headers of one attempt, signed with every secret."""
    signed = f"{message_id}.{at_s}.".encode() + body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(digest).decode()}" for digest in digests
        ),
    }
