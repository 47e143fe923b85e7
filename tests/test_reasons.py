"""The classes of reasons: few, fixed, and each reason of the decoder's in the right one."""

from typing import get_args

import pytest
from builders import T0_MS, fields, report
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from skyfence import arrow
from skyfence.channels import Environment
from skyfence.decode import Message, decode_message
from skyfence.errors import InputError
from skyfence.frame import batch_of
from skyfence.model import why_invalid
from skyfence.rejected import ReasonClass, reason_class
from skyfence.track_event import parse_event

CLASSES = get_args(ReasonClass)
GOOD = to_json(fields())
ARROW = arrow.encode(batch_of([report()]))
LIST = to_json([fields()])
AS_ARROW = {"content-type": arrow.CONTENT_TYPE.encode()}


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
        decoded = decode_message(Message(key, value, given, at_ms), environment)
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
        (reasons(b"x" * (arrow.MAX_BYTES + 1)), "size"),
        (reasons(to_json([fields()] * (arrow.MAX_ROWS + 1))), "size"),
        (reasons(b"{"), "unreadable"),
        (reasons(b"1"), "unreadable"),
        (reasons(b"", content_type=arrow.CONTENT_TYPE.encode()), "unreadable"),
        (reasons(ARROW[:-30], content_type=arrow.CONTENT_TYPE.encode()), "unreadable"),
        (reasons(to_json(fields(lat=91.0))), "field"),
        (reasons(to_json(fields(colour="red"))), "field"),
        (reasons(b"[{}]"), "field"),
        (
            reasons(to_json(fields(simulated=True)), environment=Environment.ACTUAL),
            "simulated",
        ),
        (["skyfence could not read this: see its log"], "defect"),
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
    assert reason_class(why_invalid(found.value)) in {"unreadable", "field"}


@given(st.text(max_size=200))
def test_nobody_can_make_a_new_class(text: str) -> None:
    """Whatever a sender makes a reason say, the class is one of the fixed ones."""
    assert reason_class(text) in CLASSES
