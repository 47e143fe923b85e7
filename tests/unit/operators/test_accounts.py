"""What an operator's user may do, as rules, and what an operator commands, as words."""

from typing import Any

import pytest
from builders import T0
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    OperatorCommand,
    Release,
    Withdraw,
    parse_command,
)
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.operators.accounts import Operator, name_of, rules, user_name

ID = derive("incident", 1)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


def operator(**changes: Any) -> Operator:
    """Return an operator of two channels, with changes."""
    given_ = {"name": "anna", "channels": ("RO-TL", "RO"), "created": T0}
    return Operator.model_validate(given_ | changes)


def test_the_rules_of_an_operator() -> None:
    """All begins with nothing; then come the own channels to read, and one stream to write."""
    granted = rules(Environment.EXERCISE, operator(channels=("RO-TL",)), "ab" * 32)
    assert granted[:6] == ["reset", "on", "#" + "ab" * 32, "resetkeys", "resetchannels", "-@all"]
    assert [rule for rule in granted if "~" in rule or "&" in rule] == [
        "&exercise:heartbeat",
        "%R~exercise:status",
        "%R~exercise:places",
        "&exercise:alerts:RO-TL",
        "%R~exercise:stream:alerts:RO-TL",
        "%R~exercise:active:alerts:RO-TL",
        "&exercise:public:RO-TL",
        "%R~exercise:stream:public:RO-TL",
        "%R~exercise:active:public:RO-TL",
        "%W~exercise:commands:anna",
        "%R~exercise:outcomes:anna",
    ]


@given(name=NAMES, places=st.lists(NAMES, min_size=1, max_size=4))
def test_no_rule_is_a_pattern(name: str, places: list[str]) -> None:
    """Whatever an operator and places are called, no rule covers more than one key or channel."""
    made = operator(name=name, channels=tuple(places))
    for environment in Environment:
        named = [rule for rule in rules(environment, made, "0" * 64) if rule[0] in "%&~"]
        assert not [rule for rule in named if set("*?[]\\ ") & set(rule)]
        exercise = [rule for rule in named if "exercise:" in rule]
        assert exercise == (named if environment is Environment.EXERCISE else [])


@pytest.mark.parametrize("name", ["", "anna*", "anna:bob", "an na", "a" * 65, "*", "ann\n"])
def test_no_operator_has_such_a_name(name: str) -> None:
    """A name that would be a pattern, or another's key, is refused."""
    with pytest.raises(ValidationError):
        operator(name=name)


@given(name=NAMES)
def test_whose_user_it_is(name: str) -> None:
    """A user's name tells the operator's, in its own environment alone."""
    user = user_name(Environment.EXERCISE, name)
    assert name_of(Environment.EXERCISE, user) == name
    assert name_of(Environment.ACTUAL, user) is None
    assert name_of(Environment.ACTUAL, "default") is None
    assert name_of(Environment.ACTUAL, None) is None


@pytest.mark.parametrize(
    "command",
    [
        Acknowledge(incident_id=ID),
        Acknowledge(incident_id=ID, place="RO-TL"),
        Close(incident_id=ID, reason="found in a field"),
        Release(alert_id=ID),
        Withdraw(alert_id=ID, reason="a balloon"),
    ],
)
def test_commands_are_read_as_they_were_written(command: OperatorCommand) -> None:
    """What is written is what is read."""
    assert parse_command(command.to_json()) == command


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"[" * 10_000,
        b'{"command": "open"}',
        b'{"command": "release", "alert_id": "1"}',
        b'{"command": "release", "alert_id": "%s", "by": "bob"}' % str(ID).encode(),
        b'{"command": "close", "incident_id": "%s", "reason": ""}' % str(ID).encode(),
        b'{"command": "close", "incident_id": "%s", "reason": "a\\nb"}' % str(ID).encode(),
        b'{"command": "close", "incident_id": "%s"}' % str(ID).encode(),
    ],
)
def test_anything_else_is_no_command(value: bytes) -> None:
    """What is not whole, or says more than it may, is refused: who commands is not in it."""
    with pytest.raises(ValidationError):
        parse_command(value)
