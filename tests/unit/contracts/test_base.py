"""What every contract shares: the one line that describes a validation error."""

from typing import Any

import pytest
from pydantic import ValidationError

from skyfence.contracts.base import Contract, describe_validation_error


class Login(Contract):
    """A table in which secrets may stand by mistake."""

    name: str
    port: int
    url: int = 0


@pytest.mark.parametrize(
    ("changes", "described"),
    [
        ({"port": "x"}, "port: input should be a valid integer, unable to parse string"),
        ({"password": "hunter2"}, "password: unknown field"),
        ({"name": {"password": "hunter2"}}, "name: input should be a valid string"),
        ({"port": "https://me:hunter2@host"}, "port: input should be a valid integer"),
        ({"url": "hunter2"}, "url: input should be a valid integer"),
    ],
)
def test_what_stands_beside_secrets_shows_none(changes: dict[str, Any], described: str) -> None:
    """Unknown fields, tables and URLs are named without their values."""
    with pytest.raises(ValidationError) as caught:
        Login.model_validate({"name": "a", "port": 1} | changes)
    line = describe_validation_error(caught.value, beside_secrets=True)
    assert line.startswith(described)
    assert "hunter2" not in line
    assert line.endswith(", got 'x'") == (changes == {"port": "x"})
