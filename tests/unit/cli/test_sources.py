"""`skyfence sources`: what the register shows, and what a new entry leaves as it was."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skyfence.adapters.files import load_policy
from skyfence.adapters.signing_keys import own_key
from skyfence.cli.sources import sources
from skyfence.errors import SkyfenceError

BEFORE = """\
version = "v1"  # ours

[sources.radar]
watches = ["RO"]

[[permit]]
name = "survey"
reason = "order 1"
expires = 2027-01-01T00:00:00Z
callsigns = ["SVY*"]
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a policy file that the settings name, with a folder for keys beside it."""
    path = tmp_path / "policy.toml"
    path.write_text(BEFORE)
    monkeypatch.setenv("SKYFENCE_POLICY", str(path))
    monkeypatch.setenv("SKYFENCE_SIGNING_KEYS", str(tmp_path / "keys"))
    return path


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(sources, arguments)


def test_a_source_is_added_behind_what_stands_there(policy: Path) -> None:
    """Comments, permits and the file's rights stay; the source has what was given."""
    policy.chmod(0o640)
    options = ["--watches", "RO,RO-TL", "--silent-after", "30", "--most-tracks", "200"]
    assert ask("add", "coast.1", *options, "--most-reports", "40").exit_code == 0
    assert policy.read_text().startswith(BEFORE)
    assert stat.S_IMODE(policy.stat().st_mode) == 0o640
    assert [path.name for path in policy.parent.iterdir()] == [policy.name]
    loaded = load_policy(policy)
    rules = loaded.rules_of("coast.1")
    assert (rules.watches, rules.silent_after_s) == (("RO", "RO-TL"), 30)
    assert (rules.most_tracks, rules.most_reports_per_s) == (200, 40)
    assert loaded.rules_of("radar").watches == ("RO",)


def test_who_registers_the_first_hears_what_that_means(policy: Path) -> None:
    """All sources counted as known until then."""
    policy.write_text('version = "v1"\n')
    assert "register all that you rely on" in ask("add", "radar").output
    assert "register all that you rely on" not in ask("add", "coast").output


def test_a_source_that_signs_gets_a_key(policy: Path) -> None:
    """One that nobody else may read, and the one that is there already where there is one."""
    assert ask("add", "coast", "--signs").exit_code == 0
    folder = policy.parent / "keys"
    key = own_key(folder, "coast")
    assert stat.S_IMODE((folder / "coast.key").stat().st_mode) == 0o600
    assert load_policy(policy).rules_of("coast").requires_signature
    policy.write_text(BEFORE)
    ask("add", "coast", "--signs")
    assert own_key(folder, "coast") == key


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["radar"], "radar is registered in .* already"),
        (["no name"], "sources"),
        (["coast", "--watches", "RO-TLL"], "unknown place 'RO-TLL', did you mean 'RO-TL'"),
        (["coast", "--most-tracks", "0"], "most_tracks: input should be greater than or equal to"),
        (["coast", "--silent-after", "nan"], "not TOML"),
    ],
)
def test_what_is_wrong_changes_nothing(policy: Path, arguments: list[str], reason: str) -> None:
    """One line says why, and neither the policy nor a key is written."""
    refused = ask("add", *arguments, "--signs").exception
    assert isinstance(refused, SkyfenceError)
    with pytest.raises(SkyfenceError, match=reason):
        raise refused
    assert policy.read_text() == BEFORE
    assert not (policy.parent / "keys").exists()


def test_without_a_policy_of_one_s_own_nothing_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default policy is skyfence's, and an update's to change."""
    monkeypatch.delenv("SKYFENCE_POLICY", raising=False)
    refused = ask("add", "coast").exception
    assert isinstance(refused, SkyfenceError)
    assert "must name the policy file" in str(refused)


def test_the_list_says_what_each_may(policy: Path) -> None:
    """Every registered source with its places and limits; and that without one all are known."""
    listed = ask("list").output
    assert "radar" in listed
    assert "100000" in listed
    policy.write_text('version = "v1"\n')
    assert "every source counts as known" in ask("list").output
