"""The classes of reasons: few, fixed, and each reason of the decoder's in the right one."""

from collections.abc import Callable
from typing import get_args

import pytest
from builders import T0_MS, fields, report, track_event
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from skyfence.contracts.alert import parse_alert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.rejected import DEFECT, ReasonClass, reason_class
from skyfence.contracts.track_event import parse_event
from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.frames.frame import batch_of
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

CLASSES = get_args(ReasonClass)
GOOD = to_json(fields())
ARROW = arrow_stream.encode(batch_of([report()]))
LIST = to_json([fields()])
AS_ARROW = {"content-type": arrow_stream.CONTENT_TYPE.encode()}


def reasons(
    value: bytes,
    *,
    key: bytes | None = b"radar",
    at_ms: int = T0_MS,
    environment: Environment = Environment.EXERCISE,
    **headers: bytes,
) -> list[str]:
    """Return why a message, or rows of it, were not used."""
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        decoded = decode_message(RawMessage(key, value, given, at_ms), environment)
    except InputError as error:
        return [str(error)]
    return [bad.reason for bad in decoded.bad_rows]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (reasons(GOOD, key=None), "key"),
        (reasons(GOOD, key=b"no name"), "key"),
        (reasons(GOOD, key=b"sonar"), "key"),
        (reasons(b"[]"), "header"),
        (reasons(GOOD, last=b"maybe"), "header"),
        (reasons(GOOD, run=b"?"), "header"),
        (reasons(GOOD, run="é".encode()), "header"),
        (reasons(GOOD, scan_time=b"now"), "header"),
        (reasons(GOOD, content_type=b"text/plain"), "header"),
        (reasons(GOOD, scan_time=str(T0_MS + 9_000).encode()), "time"),
        (reasons(GOOD, scan_time=str(T0_MS - 9_000).encode()), "time"),
        (reasons(GOOD, at_ms=T0_MS - 9_000), "time"),
        (reasons(GOOD, at_ms=-1), "time"),
        (reasons(b"x" * (arrow_stream.MAX_BYTES + 1)), "size"),
        (reasons(to_json([fields()] * (arrow_stream.MAX_ROWS + 1))), "size"),
        (reasons(b"{"), "unreadable"),
        (reasons(b"1"), "unreadable"),
        (reasons(b"", content_type=arrow_stream.CONTENT_TYPE.encode()), "unreadable"),
        (reasons(ARROW[:-30], content_type=arrow_stream.CONTENT_TYPE.encode()), "unreadable"),
        (reasons(to_json(fields(lat=91.0))), "field"),
        (reasons(to_json(fields(colour="red"))), "field"),
        (reasons(b"[{}]"), "field"),
        (
            reasons(to_json(fields(simulated=True)), environment=Environment.ACTUAL),
            "simulated",
        ),
        ([DEFECT], "defect"),
        (reasons(to_json(fields(**{"course deg": 90.0}))), "field"),
        (["the moon is full"], "other"),
    ],
)
def test_every_reason_has_its_class(found: list[str], expected: str) -> None:
    """What the decoder says of a bad message is counted under the class of its kind."""
    assert [reason_class(one) for one in found] == [expected]


@given(st.binary(max_size=60))
def test_unreadable_events_have_a_class_too(value: bytes) -> None:
    """What is no event is counted as unreadable or by its field."""
    with pytest.raises(ValidationError) as found:
        parse_event(value)
    assert reason_class(describe_validation_error(found.value)) in {"unreadable", "field"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"", "unreadable"), (b"{", "unreadable"), (b"{}", "field"), (b'{"event": "?"}', "field")],
)
@pytest.mark.parametrize("parse", [parse_event, parse_alert])
def test_no_json_is_unreadable(
    parse: Callable[[bytes], object], value: bytes, expected: str
) -> None:
    """What is no JSON is told apart from JSON that is no event, or no alert."""
    with pytest.raises(ValidationError) as found:
        parse(value)
    assert reason_class(describe_validation_error(found.value)) == expected


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
    ("field", "value"), [("place", "AA:1"), ("place", "*"), ("step", 25_001), ("step", 0)]
)
def test_an_alert_that_no_channel_can_carry_is_refused(field: str, value: object) -> None:
    """A place becomes part of a channel's name, and a step the number of the message's references.

    The relay rejects such an alert; handed on, it would stop the relay again and again.
    """
    [alert, *_] = IncidentManager(Environment.EXERCISE, {}).take(track_event("entered", 1))
    document = from_json(alert.to_json()) | {field: value}
    with pytest.raises(ValidationError) as found:
        parse_alert(to_json(document))
    assert reason_class(describe_validation_error(found.value)) == "field"


@given(st.text(max_size=200))
def test_nobody_can_make_a_new_class(text: str) -> None:
    """Whatever a sender makes a reason say, the class is one of the fixed ones."""
    assert reason_class(text) in CLASSES
