"""The keys that sources sign their frames with: a folder that has a file for each source.

    NAME.key       signs what source NAME sends, and counts at the workers
    NAME.next-key  counts at the workers besides, while it is to take over

Each holds 32 bytes in base64 on one line, and is a secret file as any other (``credentials``). A
worker has those of all sources that must sign, a producer its own.
"""

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from skyfence.adapters.credentials import read_secret
from skyfence.adapters.settings import PREFIX
from skyfence.errors import UsageError
from skyfence.frames.signature import KEY_BYTES

VARIABLE: Final = f"{PREFIX}SIGNING_KEYS"


def key_file(folder: Path, source: str) -> Path:
    """Return the file of the key that a source signs with."""
    return folder / f"{source}.key"


def own_key(folder: Path | None, source: str) -> bytes | None:
    """Return the key that a source signs with, or None where the folder has none of it."""
    if folder is None or not key_file(folder, source).exists():
        return None
    return _read(key_file(folder, source))


def keys_that_count(folder: Path | None, sources: Iterable[str]) -> dict[str, tuple[bytes, ...]]:
    """Return the keys by which workers know these sources, which must sign.

    Raise ``UsageError`` where one has no key: nothing of it would be judged.
    """
    keys: dict[str, tuple[bytes, ...]] = {}
    for source in sources:
        if folder is None:
            raise UsageError(f"{VARIABLE}: is needed, because source {source} must sign")
        following = folder / f"{source}.next-key"
        files = [key_file(folder, source), *([following] if following.exists() else [])]
        keys[source] = tuple(map(_read, files))
    return keys


def _read(path: Path) -> bytes:
    text = read_secret(path, VARIABLE)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UsageError(f"{VARIABLE}: {path}: is not base64") from None
    if len(key) != KEY_BYTES:
        raise UsageError(f"{VARIABLE}: {path}: has {len(key)} bytes, not {KEY_BYTES}")
    return key
