"""The folder of sources' keys: who must have one, and what a file may hold."""

import base64
from pathlib import Path

import pytest

from skyfence.adapters.signing_keys import keys_that_count, own_key
from skyfence.errors import UsageError

KEY, NEXT = b"k" * 32, b"n" * 32


def put(folder: Path, name: str, key: bytes | str, mode: int = 0o600) -> None:
    """Write a key file."""
    text = key if isinstance(key, str) else base64.b64encode(key).decode()
    (folder / name).write_text(text + "\n")
    (folder / name).chmod(mode)


def test_a_producer_has_its_own_key_or_none(tmp_path: Path) -> None:
    """Without a folder or a file it does not sign."""
    put(tmp_path, "radar.key", KEY)
    assert own_key(tmp_path, "radar") == KEY
    assert own_key(tmp_path, "other") is None
    assert own_key(None, "radar") is None


def test_two_keys_count_while_one_takes_over(tmp_path: Path) -> None:
    """So that a key is changed without a frame that is refused."""
    put(tmp_path, "radar.key", KEY)
    assert keys_that_count(tmp_path, ["radar"]) == {"radar": (KEY,)}
    put(tmp_path, "radar.next-key", NEXT)
    assert keys_that_count(tmp_path, ["radar"]) == {"radar": (KEY, NEXT)}
    assert own_key(tmp_path, "radar") == KEY


def test_a_source_that_must_sign_has_a_key(tmp_path: Path) -> None:
    """A worker that could judge nothing of it does not start."""
    with pytest.raises(UsageError, match=r"SIGNING_KEYS: is needed, because source radar must"):
        keys_that_count(None, ["radar"])
    with pytest.raises(UsageError, match=r"SIGNING_KEYS: \S+radar\.key: no such file"):
        keys_that_count(tmp_path, ["radar"])
    assert keys_that_count(None, []) == {}


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [
        ("x" * 44, 0o600, "has 33 bytes, not 32"),
        ("dG9vIHNob3J0", 0o600, "has 9 bytes, not 32"),
        ("not base64!", 0o600, "is not base64"),
        ("", 0o600, "one line"),
        (base64.b64encode(KEY).decode(), 0o644, "mode 0644 lets others read it"),
    ],
)
def test_a_key_that_is_none_is_named(tmp_path: Path, text: str, mode: int, reason: str) -> None:
    """By its file and what is wrong with it, never by what it holds."""
    tmp_path.chmod(0o755)
    put(tmp_path, "radar.key", text, mode)
    with pytest.raises(UsageError, match=reason) as refused:
        own_key(tmp_path, "radar")
    assert not text or text not in str(refused.value)
