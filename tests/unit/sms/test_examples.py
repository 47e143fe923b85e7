"""The examples in docs/sms-gateways.md load as they stand."""

import re
import tomllib

import pytest
from repository import DOCS

from consumers.sms.gateways.http_options import HttpOptions
from consumers.sms.gateways.kannel import KannelOptions
from consumers.sms.gateways.options import Options, parse
from consumers.sms.gateways.smpp_messages import SmppOptions

PAGE = (DOCS / "sms-gateways.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
MODELS: dict[str, type[Options]] = {
    "kannel": KannelOptions,
    "smpp": SmppOptions,
    "http": HttpOptions,
}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads(example: str) -> None:
    """Every option in it exists, and holds what it may hold."""
    (name, options), *more = tomllib.loads(example).items()
    assert not more
    parse(MODELS[name], options, name)


def test_every_adapter_has_an_example() -> None:
    """And none is of an adapter that does not exist."""
    assert {next(iter(tomllib.loads(example))) for example in EXAMPLES} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_option_is_described(name: str) -> None:
    """An option that the page does not name cannot be found."""
    fields = MODELS[name].model_fields
    missing = [
        field.alias or key for key, field in fields.items() if not _named(field.alias or key)
    ]
    assert not missing


def _named(option: str) -> bool:
    return re.search(rf"\b{option}\b", PAGE) is not None
