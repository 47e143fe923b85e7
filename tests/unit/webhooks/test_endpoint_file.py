"""The file of webhooks: what is refused, in which words, and that no secret is among them."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from consumers.outgoing.receivers import read
from consumers.webhooks.endpoint import WebhooksFile
from skyfence.adapters.settings import PREFIX
from skyfence.cli.main import main
from skyfence.errors import SkyfenceError
from skyfence.naming import Environment

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FILE = """\
environment = "exercise"
outbox = "box.db"

[[endpoint]]
name = "duty-office"
url = "https://alerts.example.org/skyfence"
secret_files = ["duty.secret"]
places = ["RO", "RO-T*"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "webhooks.toml"
    path.write_text(text)
    (folder / "duty.secret").write_text(SECRET + "\n")
    return path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"exercise"', '"test"', "environment: input should be 'actual' or 'exercise', got 'test'"),
        ('outbox = "box.db"\n', "", "outbox: field required"),
        ("places", "place", "endpoint.0.place: unknown field"),
        ('"RO-T*"', '"RO:TL"', "endpoint.0.places.1: string should match pattern"),
        ('"duty-office"', '"Duty"', "endpoint.0.name: string should match pattern"),
        ("https://alerts", "http://alerts", "endpoint.0.url: http is for loopback only"),
        ("https://alerts", "ftp://alerts", "endpoint.0.url: must be https://host[:port]/path"),
        ("https://", "https://me:hunter2@", "endpoint.0.url: must hold no user, password"),
        ("alerts.example.org", "169.254.169.254", "endpoint.0.url: leads to 169.254.169.254"),
        ("alerts.example.org", "[fe80::1]", "endpoint.0.url: leads to fe80::1"),
        ("alerts.example.org", "a.org:0", "endpoint.0.url: must be https://host[:port]/path"),
        ("alerts.example.org", "a.org:99999", "endpoint.0.url: is no URL"),
        ('["duty.secret"]', "[]", "endpoint.0.secret_files: tuple should have at least 1 item"),
        ('["duty.secret"]', '["a", "b", "c"]', "endpoint.0.secret_files: tuple should have at"),
        ("[[endpoint]]", "[endpoint]", "endpoint: "),
        ('"RO",', '"RO"', "not TOML: "),
    ],
)
def test_a_mistake_is_one_exact_line(tmp_path: Path, old: str, new: str, reason: str) -> None:
    """The file, the field and the reason are named, and never a URL's password."""
    path = written(tmp_path, FILE.replace(old, new, 1))
    with pytest.raises(SkyfenceError) as caught:
        read(path, WebhooksFile, Environment.EXERCISE)
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "hunter2" not in str(caught.value)


def test_http_is_for_loopback(tmp_path: Path) -> None:
    """Nothing leaves this machine that way."""
    for host in ("127.0.0.1:8000", "localhost", "[::1]:9"):
        text = FILE.replace("https://alerts.example.org", f"http://{host}")
        read(written(tmp_path, text), WebhooksFile, Environment.EXERCISE)


def test_a_name_stands_once(tmp_path: Path) -> None:
    """Two endpoints of one name would share what is kept for them."""
    path = written(tmp_path, FILE + FILE[FILE.index("[[endpoint]]") :])
    with pytest.raises(SkyfenceError, match="the name 'duty-office' stands there twice"):
        read(path, WebhooksFile, Environment.EXERCISE)


def test_the_other_environment_s_file_is_refused(tmp_path: Path) -> None:
    """A process of the actual world does not start with the exercise's endpoints."""
    path = written(tmp_path, FILE)
    with pytest.raises(SkyfenceError) as caught:
        read(path, WebhooksFile, Environment.ACTUAL)
    assert str(caught.value) == f"{path}: is for exercise, and SKYFENCE_ENVIRONMENT is actual"
    assert caught.value.exit_code == 2


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs ``skyfence`` and says how it ended."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["skyfence", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(str(ended.value.code)), said.out, said.err

    return run


def test_check_says_who_hears_of_what(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    """The places that a pattern meets are counted and named; one that meets none is a warning."""
    path = written(tmp_path, FILE.replace('"RO-T*"', '"RO-T*", "XX"'))
    code, out, err = command("webhooks", "check", str(path))
    assert code == 0
    assert "duty-office: 4 of" in out
    assert "(RO, RO-TL, RO-TM, RO-TR)" in out
    assert err == "warning: duty-office: no known place is 'XX'\n"


def test_check_shows_no_secret(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    """A secret that is none is named by its file."""
    path = written(tmp_path, FILE)
    (tmp_path / "duty.secret").write_text(SECRET[:-5])
    code, out, err = command("webhooks", "check", str(path))
    assert code == 1
    assert err == (
        f"skyfence: {tmp_path / 'duty.secret'}: no webhook secret: "
        "what follows whsec_ is not base64\n"
    )
    assert SECRET[6:-5] not in out + err


def test_without_a_file_it_says_which_setting(
    command: Callable[..., tuple[int, str, str]],
) -> None:
    """Neither sink starts without receivers."""
    for sink, variable in (("webhooks", "WEBHOOKS"), ("apprise", "APPRISE")):
        code, _, err = command(sink, "run")
        assert code == 2
        assert err == f"skyfence: SKYFENCE_{variable}_FILE: is not set: who is to hear of alerts?\n"
