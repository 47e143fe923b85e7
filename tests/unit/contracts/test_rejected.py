"""Rejected records: each reason carries its class, and the classes are few and fixed."""

from collections.abc import Callable

import pytest
from builders import T0_MS, fields, report, track_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from words import ENGLISH

from skyfence.contracts.alert import parse_alert
from skyfence.contracts.rejected import BadInputError, Reason, Rejected
from skyfence.contracts.track_event import parse_event
from skyfence.frames import arrow_stream
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.frames.frame import batch_of
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

GOOD = to_json(fields())
ARROW = arrow_stream.encode(batch_of([report()]))
LIST = to_json([fields()])
AS_ARROW = {"content-type": arrow_stream.CONTENT_TYPE.encode()}


def classes(
    value: bytes,
    *,
    key: bytes | None = b"radar",
    at_ms: int = T0_MS,
    environment: Environment = Environment.EXERCISE,
    **headers: bytes,
) -> list[str]:
    """Return the classes of the reasons why a message, or rows of it, were not used."""
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        decoded = decode_message(RawMessage(key, value, given, at_ms), environment)
    except BadInputError as error:
        return [error.reason.reason_class]
    return [bad.reason.reason_class for bad in decoded.bad_rows]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (classes(GOOD, key=None), "key"),
        (classes(GOOD, key=b"no name"), "key"),
        (classes(GOOD, key=b"sonar"), "key"),
        (classes(b"[]"), "header"),
        (classes(GOOD, last=b"maybe"), "header"),
        (classes(GOOD, run=b"?"), "header"),
        (classes(GOOD, run="é".encode()), "header"),
        (classes(GOOD, scan_time=b"now"), "header"),
        (classes(GOOD, content_type=b"text/plain"), "header"),
        (classes(GOOD, scan_time=str(T0_MS + 90_000).encode()), "time"),
        (classes(GOOD, scan_time=str(T0_MS - 9_000).encode()), "time"),
        (classes(GOOD, at_ms=T0_MS - 90_000), "time"),
        (classes(GOOD, at_ms=-1), "time"),
        (classes(b"x" * (arrow_stream.MAX_BYTES + 1)), "size"),
        (classes(to_json([fields()] * (arrow_stream.MAX_ROWS + 1))), "size"),
        (classes(b"{"), "unreadable"),
        (classes(b"1"), "unreadable"),
        (classes(b"", content_type=arrow_stream.CONTENT_TYPE.encode()), "unreadable"),
        (classes(ARROW[:-30], content_type=arrow_stream.CONTENT_TYPE.encode()), "unreadable"),
        (classes(to_json(fields(lat=91.0))), "field"),
        (classes(to_json(fields(colour="red"))), "field"),
        (classes(b"[{}]"), "field"),
        (
            classes(to_json(fields(simulated=True)), environment=Environment.ACTUAL),
            "simulated",
        ),
        (classes(to_json(fields(**{"course deg": 90.0}))), "field"),
        (classes(to_json(fields(**{"scan time ": 90.0}))), "field"),
    ],
)
def test_every_reason_has_its_class(given: list[str], expected: str) -> None:
    """What the decoder says of a bad message is counted under the class of its kind."""
    assert given == [expected]


@given(st.binary(max_size=60))
def test_unreadable_events_have_a_class_too(value: bytes) -> None:
    """What is no event is counted as unreadable or by its field."""
    with pytest.raises(ValidationError) as refused:
        parse_event(value)
    assert Reason.of_invalid(refused.value).reason_class in {"unreadable", "field"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"", "unreadable"), (b"{", "unreadable"), (b"{}", "field"), (b'{"event": "?"}', "field")],
)
@pytest.mark.parametrize("parse", [parse_event, parse_alert])
def test_no_json_is_unreadable(
    parse: Callable[[bytes], object], value: bytes, expected: str
) -> None:
    """What is no JSON is told apart from JSON that is no event, or no alert."""
    with pytest.raises(ValidationError) as refused:
        parse(value)
    assert Reason.of_invalid(refused.value).reason_class == expected


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e308", b"-1"])
def test_an_event_of_a_speed_that_nothing_has_is_refused(value: bytes) -> None:
    """What is said of an object in an event keeps to the bounds of a report.

    No number would otherwise come into the question which tracks are one object.
    """
    event = track_event("entered", 1, object={"ground_speed_mps": 50.0}).to_json()
    assert event.count(b'"ground_speed_mps":50.0') == 1
    with pytest.raises(ValidationError, match="ground_speed_mps"):
        parse_event(event.replace(b'"ground_speed_mps":50.0', b'"ground_speed_mps":' + value))


@pytest.mark.parametrize(
    ("field", "value"), [("place", "AA:1"), ("place", "*"), ("step", 1_000_000_001), ("step", 0)]
)
def test_an_alert_that_no_channel_can_carry_is_refused(field: str, value: object) -> None:
    """A place becomes part of a channel's name, and a step a number that channels compare.

    The relay rejects such an alert; handed on, it would stop the relay again and again.
    """
    [alert, *_] = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators).process(
        track_event("entered", 1)
    )
    document = from_json(alert.to_json()) | {field: value}
    with pytest.raises(ValidationError) as refused:
        parse_alert(to_json(document))
    assert Reason.of_invalid(refused.value).reason_class == "field"


class Mail:
    """A message as Kafka's clients hand it out."""

    topic, partition, offset = "exercise.tracks", 3, 41
    key, value = b"radar", b"{"


def test_a_record_says_what_its_reason_counts_as() -> None:
    """The class travels beside the reason, so that no reader has to parse the sentence."""
    record = Rejected.of(Mail(), T0_MS, Reason("size", "message of 9 bytes is over 8"))
    document = from_json(record.to_json())
    assert (document["reason_class"], document["reason"]) == (
        "size",
        "message of 9 bytes is over 8",
    )


def test_a_record_from_before_the_class_counts_as_other() -> None:
    """A record that an older version left in the topic has no class, and is read all the same."""
    document = from_json(Rejected.of(Mail(), T0_MS, Reason("key", "message has no key")).to_json())
    del document["reason_class"]
    assert Rejected.model_validate_json(to_json(document)).reason_class == "other"
