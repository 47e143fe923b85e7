"""Faust's messages as ours."""

from typing import Any

import pytest
from faust.types.tuples import TP, Message

from streams.driver.message import KafkaMessage, from_faust


def faust_message(headers: Any) -> Message:
    """Return a message as Faust 0.15.3 makes it from aiokafka's record."""
    return Message(
        "tracks",
        3,
        81_244,
        timestamp=1_725_688_800_123 / 1000.0,
        timestamp_type=0,
        headers=headers,
        key=b"radar/2",
        value=b"{}",
        checksum=None,
        tp=TP("tracks", 3),
    )


@pytest.mark.parametrize("headers", [(("run", b"live"),), [("run", b"live")], {"run": b"live"}])
def test_a_message_is_taken_over(headers: Any) -> None:
    """Nothing is lost on the way, whatever form the headers have; the time is in milliseconds."""
    assert from_faust(faust_message(headers)) == KafkaMessage(
        topic="tracks",
        partition=3,
        offset=81_244,
        timestamp_ms=1_725_688_800_123,
        is_broker_time=False,
        key=b"radar/2",
        value=b"{}",
        headers={"run": b"live"},
    )


def test_a_message_without_headers_has_none() -> None:
    """Faust hands out None where there are no headers."""
    message = from_faust(faust_message(None))
    assert message.headers == {}
    assert message.address == "tracks/3/81244"
