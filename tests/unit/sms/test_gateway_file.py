"""The gateway's file: what it must say, what it may not hold, and exact errors."""

from pathlib import Path

import pytest

from consumers.sms.files import load_gateway
from consumers.sms.rules.exercise_guard import check_agreement
from consumers.sms.rules.gateway_file import findings, parse_gateway
from skyfence.errors import InputError, UsageError
from skyfence.naming import Environment

WHOLE = """
name = "duty"
exercises = false
adapter = "kannel"
recipients = "people.csv"
opt_outs = "redis"
outbox = "/var/lib/skyfence/sms.db"

[kannel]
url = "http://127.0.0.1:13013/cgi-bin/sendsms"
password_file = "secrets/kannel"
receipts = { secret_file = "secrets/receipts" }
"""


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Lists, outbox and secrets are found from wherever the process was started."""
    path = tmp_path / "duty.toml"
    path.write_text(WHOLE)
    file = load_gateway(path)
    assert file.recipients == str(tmp_path / "people.csv")
    assert file.opt_outs == "redis"
    assert file.outbox == "/var/lib/skyfence/sms.db"
    assert file.options["password_file"] == str(tmp_path / "secrets/kannel")
    assert file.options["receipts"]["secret_file"] == str(tmp_path / "secrets/receipts")
    assert file.options["url"] == "http://127.0.0.1:13013/cgi-bin/sendsms"
    assert (file.rate_per_s, file.window, file.most_in_30_min) == (10.0, 10, 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("exercises = false\n", ""), "exercises: field required"),
        (('"kannel"\n', '"pigeon"\n'), "adapter: input should be 'kannel', 'smpp' or 'http'"),
        (('name = "duty"', 'name = "on duty"'), "name: string should match pattern"),
        (("[kannel]", "[smpp]"), "[kannel] is missing: adapter is 'kannel'"),
        (("[kannel]", "[http]\n[kannel]"), "[http] is given and not used: adapter is 'kannel'"),
        (("[kannel]", "window = 0\n[kannel]"), "window: input should be greater than or equal"),
        (("[kannel]", "most_in_30_min = 2\n[kannel]"), "most_in_30_min: input should be"),
        (("[kannel]", "most_per_incident = 6\n[kannel]"), "most_per_incident: is gone, messages"),
        (("[kannel]", "wibdow = 3\n[kannel]"), "wibdow: unknown field"),
        (("[kannel]", "[kannel"), "not TOML: "),
    ],
)
def test_a_wrong_file_is_an_exact_error(change: tuple[str, str], reason: str) -> None:
    """What is wrong is named with the file, the option and the value."""
    assert change[0] in WHOLE
    with pytest.raises(InputError) as caught:
        parse_gateway(WHOLE.replace(*change, 1), "duty.toml")
    assert str(caught.value).startswith(f"duty.toml: {reason}")


@pytest.mark.parametrize("name", ["password", "api_key", "auth_token", "smsc.secret"])
def test_a_secret_in_the_file_is_refused_and_not_shown(name: str) -> None:
    """Secrets stand in files of their own; the error names the option and not the secret."""
    faults = list(findings(WHOLE + f'{name} = "hunter2"\n', "duty.toml"))
    last = f"kannel.{name}"
    assert faults == [f"duty.toml: {last}: a secret stands in a file of its own: give {last}_file"]


def test_a_misplaced_secret_is_not_shown() -> None:
    """Not even where the option is unknown, which otherwise is shown with its value."""
    faults = list(findings('password = "hunter2"\n' + WHOLE, "duty.toml"))
    assert len(faults) == 2
    assert "hunter2" not in "".join(faults)


def test_what_a_message_is_made_of_is_no_secret_of_ours() -> None:
    """A field of a gateway's own form may be called what it likes."""
    text = WHOLE.replace('"kannel"', '"http"').replace("[kannel]", "[http]")
    assert list(findings(text + 'form = { token = "{key}" }\n', "duty.toml")) == []


def test_environment_and_file_must_agree() -> None:
    """A gateway for exercises never begins among actual alerts, nor the other way round."""
    check_agreement(Environment.EXERCISE, exercises=True, where="f")
    check_agreement(Environment.ACTUAL, exercises=False, where="f")
    for environment, exercises in ((Environment.ACTUAL, True), (Environment.EXERCISE, False)):
        with pytest.raises(UsageError) as caught:
            check_agreement(environment, exercises=exercises, where="duty.toml")
        assert str(caught.value).startswith("duty.toml: the gateway is for ")
        assert str(caught.value).endswith(f"SKYFENCE_ENVIRONMENT is {environment}: they must agree")
