"""docs/asyncapi.yaml: valid, whole, and saying what the code does."""

import json
from collections.abc import Iterator
from typing import Any

import npm
import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from repository import DOCS

from skyfence.contracts.channel_message import Heartbeat, parse_channel_message
from skyfence.naming import Audience, Channel, Environment, heartbeat_channel

DOCUMENT: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, dict[str, Any]] = DOCUMENT["components"]["messages"]
EXAMPLES = [
    (name, example["payload"]) for name, of in MESSAGES.items() for example in of["examples"]
]
NAMES = {
    "alerts": (Environment.ACTUAL, Audience.OPERATORS),
    "exerciseAlerts": (Environment.EXERCISE, Audience.OPERATORS),
    "public": (Environment.ACTUAL, Audience.PUBLIC),
    "exercisePublic": (Environment.EXERCISE, Audience.PUBLIC),
}


def references(value: Any) -> Iterator[str]:
    """Yield every $ref below a value."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for below in value.values():
            yield from references(below)
    elif isinstance(value, list):
        for below in value:
            yield from references(below)


def schema_of(message: str) -> dict[str, Any]:
    """Return the JSON Schema that a message names."""
    file = MESSAGES[message]["payload"]["schema"]["$ref"]
    schema: dict[str, Any] = json.loads((DOCS / file).read_text())
    return schema


def test_the_document_is_valid_asyncapi() -> None:
    """docs/asyncapi.yaml keeps to the schema that AsyncAPI publishes for its version."""
    schemas = npm.modules() / "@asyncapi" / "specs" / "schemas"
    schema = json.loads((schemas / f"{DOCUMENT['asyncapi']}-without-$id.json").read_text())
    errors = [
        f"{e.json_path}: {e.message[:200]}" for e in Draft7Validator(schema).iter_errors(DOCUMENT)
    ]
    assert errors == []


def test_every_reference_leads_somewhere() -> None:
    """Every $ref is a file beside the document, or a part of it."""
    named = set(references(DOCUMENT))
    assert named
    for reference in named:
        if not reference.startswith("#/"):
            assert (DOCS / reference).is_file(), reference
            continue
        part: Any = DOCUMENT
        for word in reference.removeprefix("#/").split("/"):
            part = part[word]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_name_the_versions_of_their_schemas(message: str) -> None:
    """Each message names the $id of the schema file that it refers to."""
    assert MESSAGES[message]["x-schema-id"] == schema_of(message)["$id"]


@pytest.mark.parametrize(("message", "payload"), EXAMPLES)
def test_examples_keep_to_their_schema(message: str, payload: dict[str, Any]) -> None:
    """Each example is valid by the schema its message names, and the code reads it."""
    schema = schema_of(message)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(payload)] == []
    assert not validator.is_valid(payload | {"more": 1})
    text = json.dumps(payload).encode()
    if message == "heartbeat":
        Heartbeat.model_validate_json(text)
        return
    parse_channel_message(
        Audience.PUBLIC if message == "publicMessage" else Audience.OPERATORS, text
    )


@pytest.mark.parametrize("name", NAMES)
def test_channels_and_keys_are_named_as_the_code_names_them(name: str) -> None:
    """Addresses and keys, with a place put in, are those that skyfence.naming makes."""
    documented, channel = DOCUMENT["channels"][name], Channel(*NAMES[name], "RO-TL")
    [parameter] = documented["parameters"]
    put = {parameter: "RO-TL"}
    assert documented["address"].format(**put) == channel.name
    keys = {what: key.format(**put) for what, key in documented["x-keys"].items()}
    assert keys == {"stream": channel.stream, "active": channel.active}


def test_nothing_is_left_out() -> None:
    """All channels of both environments are described, and each can be heard."""
    channels = DOCUMENT["channels"]
    beats = {"heartbeat": Environment.ACTUAL, "exerciseHeartbeat": Environment.EXERCISE}
    assert channels.keys() == NAMES.keys() | beats.keys()
    for name, environment in beats.items():
        assert channels[name]["address"] == heartbeat_channel(environment)
    heard = {
        operation["channel"]["$ref"].split("/")[-1] for operation in DOCUMENT["operations"].values()
    }
    assert heard == channels.keys()
