"""``skyfence sms``: what its commands say, and that a gateway of the wrong world does not begin."""

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sms_rig import LV_NUMBER, RO_NUMBER

from consumers.outbox.items import Item
from consumers.outbox.outbox import Outbox
from skyfence.adapters.settings import PREFIX
from skyfence.cli.sms import sms
from skyfence.errors import InputError, SkyfenceError, UsageError

HTTP = """
[http]
url = "http://127.0.0.1:1/messages"
form = { to = "{number}", text = "{text}" }
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, zones_file: Path) -> None:
    """Take away what the environment of the tests may hold."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SKYFENCE_ZONES", str(zones_file))


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """Return the file of a gateway for exercises, with its lists."""
    (tmp_path / "people.csv").write_text(f"number,language,places\n{RO_NUMBER},ro,AA-N AA\n")
    (tmp_path / "none.txt").write_text("# nobody yet\n")
    path = tmp_path / "duty.toml"
    lines = ['name = "duty"', "exercises = true", 'adapter = "http"', 'outbox = "out.db"']
    lists = ['recipients = "people.csv"', 'opt_outs = "none.txt"']
    path.write_text("\n".join([*lines, *lists]) + "\n" + HTTP)
    return path


def run(*arguments: object) -> Result:
    """Run a command."""
    return CliRunner().invoke(sms, [str(argument) for argument in arguments], standalone_mode=False)


def test_check_says_what_a_gateway_is(gateway: Path) -> None:
    """Its name, its adapter, whom it is for, and how long its lists are."""
    result = run("check", gateway)
    assert result.exception is None
    assert result.return_value == 0
    assert result.stdout.splitlines() == [
        "gateway duty: http, for exercises",
        "languages: en, lv, ro",
        "recipients: 1",
        "opt-outs: 0",
    ]


def test_check_says_all_that_is_wrong(
    gateway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists, the environment and the adapter's options, each on a line; exit code 1."""
    (tmp_path / "people.csv").write_text(
        "number,language,places\n0712,ro,AA-N\n+40712000001,xx,AA-N\n"
    )
    (tmp_path / "none.txt").unlink()
    gateway.write_text(gateway.read_text().replace("form =", "from ="))
    result = run("check", gateway)
    assert result.return_value == 1
    stderr = result.stderr
    assert "people.csv: line 2: number **12 is not in E.164 form" in stderr
    assert "people.csv: line 3: language 'xx' has no texts" in stderr
    assert "none.txt: no such file or directory" in stderr
    assert "from" in stderr.splitlines()[-1]
    monkeypatch.setenv("SKYFENCE_ENVIRONMENT", "actual")
    assert "they must agree" in run("check", gateway).stderr
    gateway.write_text(gateway.read_text().replace('adapter = "http"', 'adapter = "post"'))
    assert f"{gateway}: adapter: input should be" in run("check", gateway).stderr


@pytest.mark.parametrize(("environment", "exercises"), [("actual", "true"), ("exercise", "false")])
def test_a_gateway_of_the_other_world_does_not_begin(
    gateway: Path, monkeypatch: pytest.MonkeyPatch, environment: str, exercises: str
) -> None:
    """Before it reaches Kafka, opens the outbox or connects: one clear error."""
    gateway.write_text(gateway.read_text().replace("true", exercises))
    monkeypatch.setenv("SKYFENCE_ENVIRONMENT", environment)
    monkeypatch.setenv("SKYFENCE_SMS_FILE", str(gateway))
    result = run("run")
    assert isinstance(result.exception, UsageError)
    assert f"SKYFENCE_ENVIRONMENT is {environment}: they must agree" in str(result.exception)
    assert not (gateway.parent / "out.db").exists()


def test_preview_shows_each_text_with_its_length() -> None:
    """Of one language and place: characters, SMS and the text; exercises with their word."""
    result = run("preview", "--language", "ro", "--place", "AA-N")
    lines = result.stdout.splitlines()
    [violation] = [line for line in lines if " violation " in line]
    characters, parts, _, _, text = violation.split(maxsplit=4)
    assert text.endswith(": pericol aerian. Adăpostiți-vă acum!")
    assert (int(characters), int(parts)) == (len(text), 1)
    assert "EXERCIȚIU" not in result.stdout
    exercise = run("preview", "--language", "ro", "--place", "AA-N", "--exercise").stdout
    assert len(exercise.splitlines()) == len(lines)
    assert all("  EXERCIȚIU: " in line for line in exercise.splitlines()[1:])


def test_preview_shows_every_language_and_kind_of_place() -> None:
    """Without options: all languages, for regions, nations and the alliance."""
    lines = run("preview").stdout.splitlines()
    assert [line[:2] for line in lines if line[0] != " "] == ["en", "lv", "ro"]
    for kind in ("region", "nation", "alliance"):
        assert sum(f"  {kind} " in line for line in lines) >= 3 * 14


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["--language", "xx"], "'xx' has no texts"), (["--place", "ZZ"], "no place 'ZZ' is known")],
)
def test_preview_of_what_is_not_there_is_an_error(arguments: list[str], reason: str) -> None:
    """A language without texts or a place that nobody knows is named."""
    result = run("preview", *arguments)
    assert isinstance(result.exception, InputError)
    assert reason in str(result.exception)


def test_optout_adds_a_number_once_and_takes_it_out_again(gateway: Path, tmp_path: Path) -> None:
    """Comments stay, the number is shown masked, and only its owner can read the file."""
    for _ in range(2):
        assert run("optout", LV_NUMBER, gateway).stdout == "+371******02 gets no SMS any more\n"
    path = tmp_path / "none.txt"
    assert path.read_text() == f"# nobody yet\n{LV_NUMBER}\n"
    assert path.stat().st_mode & 0o077 == 0
    assert run("optout", "--undo", LV_NUMBER, gateway).stdout == "+371******02 gets SMS again\n"
    assert path.read_text() == "# nobody yet\n"
    wrong = run("optout", "0712345678", gateway).exception
    assert isinstance(wrong, InputError)
    assert "0712345678" not in str(wrong)


def test_status_counts_by_state(gateway: Path, tmp_path: Path) -> None:
    """What waits, what was sent; an outbox that was never made is said to be none."""
    assert isinstance(run("status", gateway).exception, UsageError)

    async def put() -> None:
        async with Outbox.open_exclusive(tmp_path / "out.db") as outbox:
            await outbox.add([Item(key="k", recipient=RO_NUMBER, chain="c", body="{}")], 0)

    asyncio.run(put())
    lines = dict(line.split() for line in run("status", gateway).stdout.splitlines())
    assert lines["pending"] == "1"
    assert lines["submitted"] == "0"


def test_a_command_without_a_gateway_says_what_is_missing() -> None:
    """Neither FILE nor the setting: the setting is named."""
    result = run("check").exception
    assert isinstance(result, SkyfenceError)
    assert str(result).startswith("SKYFENCE_SMS_FILE: is not set")
