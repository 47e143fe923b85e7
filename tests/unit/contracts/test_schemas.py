"""The contracts' JSON Schemas: as published, and without what must not be in them."""

import json
import re

import pytest
from builders import report, track_event
from repository import DOCS
from words import ENGLISH

from skyfence.cli.schema_catalog import CONTRACTS, schema_id, schema_of
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
    assert json.loads(text) == schema_of(name)


def test_schemas_have_identifiers_of_their_own() -> None:
    """Every schema has an $id, a URN that ends with a version, and no two have the same."""
    identifiers = [schema_of(name)["$id"] for name in CONTRACTS]
    assert len(set(identifiers)) == len(CONTRACTS)
    assert all(re.fullmatch(r"urn:skyfence:schema:[a-z-]+:[1-9]\d*", own) for own in identifiers)


def test_webhooks_name_the_schema_of_their_data() -> None:
    """A webhook's ``dataschema`` is the $id of the alert message's schema."""
    assert schema_of("webhook")["properties"]["dataschema"]["const"] == schema_id("alert-message")


@pytest.mark.parametrize("name", CONTRACTS)
def test_unknown_fields_are_refused(name: str) -> None:
    """Every contract's schema is closed, so that a misspelt field is an error."""
    schema = schema_of(name)
    assert schema["additionalProperties"] is False
    assert schema["$schema"].endswith("2020-12/schema")


def test_the_public_is_told_no_position() -> None:
    """A public alert has no field in which a position, a track or a sensor could be written."""
    kept_back = {"lat", "lon", "position", "description", "object", "depth_m", "last_seen"}
    assert not kept_back & PublicAlert.model_fields.keys()
    assert not {"source", "track_id", "run"} & PublicAlert.model_fields.keys()
    text = json.dumps(schema_of("public-alert")["properties"])
    assert not any(word in text for word in ("atitude", "ongitude", '"lat"', '"lon"'))


def test_what_is_written_has_the_schema_s_fields() -> None:
    """What the pipeline writes carries all required fields of its schema, and only its fields."""
    event = track_event("entered", 1)
    manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
    message = AlertMessage(alert=manager.process(event)[0], timeline=Timeline(observed=event.time))
    names = {contract: name for name, contract in CONTRACTS.items()}
    written: list[Contract] = [report(), event, message, *manager.open]
    for contract in written:
        schema = schema_of(names[type(contract)])
        fields = json.loads(contract.to_json())
        optional = {name for name, rule in schema["properties"].items() if "default" in rule}
        assert set(schema["properties"]) - optional <= set(fields) <= set(schema["properties"])
