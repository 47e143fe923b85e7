"""ops/make-secrets.sh: certificates and passwords that fit together, made once."""

import hashlib
import re
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from repository import ROOT

from skyfence.adapters.credentials import read_secret

OPS = ROOT / "ops"
WORLDS = ("actual", "exercise")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the script has filled."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    make(folder)
    return folder


def make(folder: Path) -> None:
    """Run the script."""
    subprocess.run([OPS / "make-secrets.sh", folder], check=True)


def test_only_the_owner_gets_at_them(secrets: Path) -> None:
    """The folder is its owner's alone; in it, containers may read all but the authority's key."""
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()}
    assert modes.pop("ca.key") == 0o400
    assert set(modes.values()) == {0o444}


def test_skyfence_takes_them_on_the_host(secrets: Path) -> None:
    """Containers may read the files, and yet the closed folder makes them their owner's alone."""
    assert len(read_secret(secrets / "exercise-operator.password")) == 64


def certificates() -> list[str]:
    """Return the names that have a certificate."""
    users = [
        f"{world}-{role}" for world in WORLDS for role in ("producer", "worker", "relay", "monitor")
    ]
    return ["kafka", "valkey", *users]


@pytest.mark.parametrize("name", certificates())
def test_certificates_fit_their_keys_and_authority(secrets: Path, name: str) -> None:
    """Each certificate belongs to its key, is the authority's by strict rules, and has its name."""
    context = ssl.create_default_context(cafile=secrets / "ca.pem")
    context.load_cert_chain(secrets / f"{name}.pem", secrets / f"{name}.key")
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(secrets / "ca.pem")]
    subprocess.run([*verify, str(secrets / f"{name}.pem")], check=True, capture_output=True)
    show = ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253"]
    said = subprocess.run(
        [*show, "-in", str(secrets / f"{name}.pem")], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == f"subject=CN={name}"


def test_redis_knows_the_passwords_by_their_digests(secrets: Path) -> None:
    """The list of users holds each password's digest, and no password."""
    users = (secrets / "users.acl").read_text()
    passwords = {path.stem: path.read_text().strip() for path in secrets.glob("*.password")}
    assert set(passwords) == set(re.findall(r"#\{(.+?)\}", (OPS / "valkey/users.acl").read_text()))
    assert len(set(passwords.values())) == len(passwords)
    for user, password in passwords.items():
        assert len(password) == 64
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in users
        assert password not in users
    assert "#{" not in users


def test_what_is_there_stays_and_what_is_gone_comes_back(secrets: Path, tmp_path: Path) -> None:
    """A second run changes nothing; of what was deleted it makes a new one, and only of that."""
    folder = tmp_path / "secrets"
    shutil.copytree(secrets, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    make(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "actual-relay.password").unlink()
    (folder / "actual-relay.pem").unlink()
    make(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        "actual-relay.password",
        "actual-relay.pem",
        "actual-relay.key",
        "users.acl",
    }
