"""Messages that earlier releases wrote to Kafka and Redis are read today, field by field."""

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from repository import FORMATS

from consumers.webhooks.cloud_event import CloudEvent
from skyfence.contracts.alert import parse_alert
from skyfence.contracts.base import Contract
from skyfence.contracts.channel_message import Heartbeat, parse_channel_message
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.operator_command import CommandOutcome, parse_command
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.track_event import parse_event
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.monitoring.status import MonitorState, from_hash, to_hash
from skyfence.naming import Audience, Environment
from skyfence.operators.public_release import PendingRelease
from skyfence.times import LATEST_MS

RELEASES = ("583fb3f",)
READERS: dict[str, Callable[[bytes], Any]] = {
    "crossings": Crossing.model_validate_json,
    "track.events": parse_event,
    "alerts": parse_alert,
    "rejected": Rejected.model_validate_json,
    "operators": lambda value: parse_channel_message(Audience.OPERATORS, value),
    "note": lambda value: parse_channel_message(Audience.OPERATORS, value),
    "public": lambda value: parse_channel_message(Audience.PUBLIC, value),
    "heartbeat": Heartbeat.model_validate_json,
    "command": parse_command,
    "outcome": CommandOutcome.model_validate_json,
    "held": PendingRelease.model_validate_json,
    "memory": MonitorState.model_validate_json,
}


def documents(release: str, name: str) -> list[dict[str, Any]]:
    """Return a file's lines."""
    text = gzip.decompress((FORMATS / release / name).read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def says_the_same(written: Any, read: Any) -> bool:
    """Tell whether all that was written is read as it was; what is new may stand beside it."""
    if isinstance(written, dict):
        return all(name in read and says_the_same(written[name], read[name]) for name in written)
    if isinstance(written, list):
        pairs = zip(written, read, strict=True)
        return all(says_the_same(before, after) for before, after in pairs)
    return bool(written == read)


@pytest.mark.parametrize("release", RELEASES)
def test_messages_of_the_topics_are_read(release: str) -> None:
    """Every message but those of ``tracks`` says what it said, in the same fields."""
    rows = [row for row in documents(release, "topics.jsonl.gz") if row["topic"] != "tracks"]
    assert {row["topic"] for row in rows} == {"crossings", "track.events", "alerts", "rejected"}
    for row in rows:
        value = base64.b64decode(row["value"])
        message: Contract = READERS[row["topic"]](value)
        assert says_the_same(json.loads(value), json.loads(message.to_json())), value


@pytest.mark.parametrize("release", RELEASES)
def test_messages_of_tracks_are_read(release: str) -> None:
    """Frames in Arrow and JSON are decoded, none of their reports is refused."""
    rows = [row for row in documents(release, "topics.jsonl.gz") if row["topic"] == "tracks"]
    counts = []
    for row in rows:
        headers = {name: text.encode() for name, text in row["headers"].items()}
        raw = RawMessage(row["key"].encode(), base64.b64decode(row["value"]), headers, LATEST_MS)
        decoded = decode_message(raw, Environment.EXERCISE)
        assert decoded.bad_rows == []
        counts.append((len(decoded.frame), decoded.frame.last))
    assert counts == [(5, False), (0, False), (0, True), (1, False), (3, False)]


@pytest.mark.parametrize("release", RELEASES)
def test_what_stands_in_redis_is_read(release: str) -> None:
    """Channel messages, commands, what is held and the monitor's memory say what they said."""
    rows = documents(release, "redis.jsonl.gz")
    assert {row["kind"] for row in rows} == {"status", "webhook", *READERS} - {
        "crossings",
        "track.events",
        "alerts",
        "rejected",
    }
    for row in rows:
        if row["kind"] in READERS:
            message: Contract = READERS[row["kind"]](row["value"].encode())
            assert says_the_same(json.loads(row["value"]), json.loads(message.to_json()))


@pytest.mark.parametrize("release", RELEASES)
def test_the_status_is_read(release: str) -> None:
    """The hash ``status`` gives the same fields again."""
    [row] = [row for row in documents(release, "redis.jsonl.gz") if row["kind"] == "status"]
    fields = {name: text.encode() for name, text in row["value"].items()}
    assert to_hash(from_hash(fields)) == fields


@pytest.mark.parametrize("release", RELEASES)
def test_webhooks_name_another_version_and_say_the_same(release: str) -> None:
    """Of a webhook's event nothing has changed but the schema that it names."""
    for row in documents(release, "redis.jsonl.gz"):
        if row["kind"] == "webhook":
            event = json.loads(row["value"])
            name = f"{event.pop('dataschema')}:2"
            read = CloudEvent.model_validate(event)
            assert says_the_same(event | {"dataschema": name}, json.loads(read.to_json()))
