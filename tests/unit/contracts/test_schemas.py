"""The contracts' JSON Schemas: as published, and without what must not be in them."""

import json

import pytest
from builders import report, track_event
from repository import DOCS

from skyfence.cli.schema_catalog import CONTRACTS, schema_of
from skyfence.contracts.alert import AlertMessage, PublicAlert, Timeline
from skyfence.contracts.base import Contract
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

FOLDER = DOCS / "schemas"


def test_every_contract_is_published() -> None:
    """docs/schemas holds one file a contract, and no others."""
    published = {path.name for path in FOLDER.iterdir()}
    assert published == {f"{name}.schema.json" for name in CONTRACTS}


@pytest.mark.parametrize("name", CONTRACTS)
def test_published_schemas_are_the_code_s(name: str) -> None:
    """A published schema is what `skyfence schemas docs/schemas` writes now."""
    text = (FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == schema_of(CONTRACTS[name])


@pytest.mark.parametrize("name", CONTRACTS)
def test_unknown_fields_are_refused(name: str) -> None:
    """Every contract's schema is closed, so that a misspelt field is an error."""
    schema = schema_of(CONTRACTS[name])
    assert schema["additionalProperties"] is False
    assert schema["$schema"].endswith("2020-12/schema")


def test_the_public_is_told_no_position() -> None:
    """A public alert has no field in which a position, a track or a sensor could be written."""
    kept_back = {"lat", "lon", "position", "description", "object", "depth_m", "last_seen"}
    assert not kept_back & PublicAlert.model_fields.keys()
    assert not {"source", "track_id", "run"} & PublicAlert.model_fields.keys()
    text = json.dumps(schema_of(PublicAlert)["properties"])
    assert not any(word in text for word in ("atitude", "ongitude", '"lat"', '"lon"'))


def test_what_is_written_has_the_schema_s_fields() -> None:
    """What the pipeline writes carries all required fields of its schema, and only its fields."""
    event = track_event("entered", 1)
    book = IncidentManager(Environment.EXERCISE, {})
    message = AlertMessage(alert=book.take(event)[0], timeline=Timeline(observed=event.time))
    written: list[Contract] = [report(), event, message, *book.open]
    for contract in written:
        schema = schema_of(type(contract))
        fields = json.loads(contract.to_json())
        optional = {name for name, rule in schema["properties"].items() if "default" in rule}
        assert set(schema["properties"]) - optional <= set(fields) <= set(schema["properties"])
