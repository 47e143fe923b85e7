"""The contracts' schemas beside those of the last release: what may change under one version."""

import copy
import gzip
import json
from typing import Any

import pytest
from repository import FORMATS
from schema_change import breaks

from skyfence.cli.schema_catalog import CONTRACTS, schema_of

LAST = "f9a1470"
BEFORE: dict[str, Any] = json.loads(
    gzip.decompress((FORMATS / LAST / "schemas.json.gz").read_bytes())
)


def version_of(schema: dict[str, Any]) -> int:
    """Return a schema's version; those of 583fb3f had none."""
    return int(schema.get("$id", ":1").rpartition(":")[2])


@pytest.mark.parametrize("name", BEFORE)
def test_a_changed_schema_has_a_new_version_or_only_more_optional_fields(name: str) -> None:
    """Under the same version a schema is the last release's, or a compatible extension of it."""
    assert name in CONTRACTS, "a contract that goes is named in CHANGELOG.md and taken out here"
    before, after = BEFORE[name], schema_of(name)
    if version_of(after) == version_of(before):
        assert breaks(before, after) == []
    else:
        assert version_of(after) == version_of(before) + 1
        assert breaks(before, after), "a compatible extension keeps its version"


def changed(name: str, **rules: Any) -> dict[str, Any]:
    """Return a schema with some fields' rules changed; None takes a field out."""
    schema = copy.deepcopy(schema_of(name))
    for field, rule in rules.items():
        schema["properties"].pop(field, None)
        if rule is not None:
            schema["properties"][field] = rule
    return schema


def test_a_field_that_may_be_left_out_is_a_compatible_extension() -> None:
    """A new optional field, at any depth, and other descriptions break nothing."""
    schema = changed("operators-message", more={"type": "string", "description": "new"})
    schema["$defs"]["Timeline"]["properties"]["seen"] = {"type": "string"}
    schema["description"] = "said otherwise"
    assert breaks(schema_of("operators-message"), schema) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"track_id": None}, "message.track_id: is gone"),
        ({"lat": {"type": "string"}}, "message.lat (type): 'number' became 'string'"),
    ],
)
def test_a_break_is_named(change: dict[str, Any], expected: str) -> None:
    """What is gone or of another type is a break, and says of which field."""
    assert expected in breaks(schema_of("report"), changed("report", **change))


def test_what_is_newly_required_is_a_break() -> None:
    """A field that must be there from now on refuses what was right before."""
    schema = schema_of("report")
    schema["required"] = [*schema["required"], "callsign"]
    assert breaks(schema_of("report"), schema) == ["message.callsign: newly required"]


def test_another_value_of_an_enumeration_is_a_break() -> None:
    """A reader that knows all values of a word does not know a new one."""
    schema = schema_of("crossing")
    schema["properties"]["kind"]["enum"] = [*schema["properties"]["kind"]["enum"], "other"]
    assert len(breaks(schema_of("crossing"), schema)) == 1
