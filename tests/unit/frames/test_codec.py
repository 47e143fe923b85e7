"""Messages of ``tracks``: three forms, one frame; and what is wrong costs no more than itself."""

import json
from typing import Any

import pyarrow as pa
import pytest
from builders import T0_MS, fields, report

from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.codec import Decoded, RawMessage, decode_message, encode_frame
from skyfence.frames.frame import ARROW_SCHEMA, frame_of
from skyfence.naming import Environment
from skyfence.times import format_time, from_ms

SECOND = "2024-09-07T03:58:01.000Z"


def message(value: Any, *, key: bytes | None = b"radar", at: int = 0, **headers: str) -> RawMessage:
    """Return a message that arrived ``at`` milliseconds after T0; a list or dict becomes JSON."""
    body = json.dumps(value).encode() if isinstance(value, list | dict) else value
    named = {name.replace("_", "-"): text.encode() for name, text in headers.items()}
    return RawMessage(key, body, named, T0_MS + at)


def decode(value: Any, *, environment: Environment = Environment.ACTUAL, **given: Any) -> Decoded:
    return decode_message(message(value, **given), environment)


def refused(value: Any, **given: Any) -> str:
    with pytest.raises(InputError) as caught:
        decode(value, **given)
    return str(caught.value)


def at(ms: int) -> str:
    return format_time(from_ms(T0_MS + ms))


def test_three_forms_give_one_frame() -> None:
    """A report is the same frame as JSON, as a list of one and as an Arrow stream."""
    given = {"icao_address": "4ca1fb", "altitude_m": 300, "callsign": "RYR12"}
    frame = frame_of([report(**given)], key="radar")
    key, value, headers = encode_frame(frame)
    packed = decode_message(RawMessage(key, value, dict(headers), T0_MS), Environment.ACTUAL)
    for decoded in (packed, decode(fields(**given)), decode([fields(**given)])):
        assert decoded.bad_rows == []
        assert decoded.frame.batch.equals(frame.batch)
        assert (decoded.frame.key, decoded.frame.run) == ("radar", "live")
        assert (decoded.frame.scan_time_ms, decoded.frame.last) == (T0_MS, False)


def test_arrow_and_json_write_an_address_alike() -> None:
    """A lower-case ICAO address in an Arrow column is the frame that the JSON report gives."""
    batch = frame_of([report()], key="radar").batch
    index = ARROW_SCHEMA.names.index("icao_address")
    lower = batch.set_column(index, ARROW_SCHEMA.field(index), pa.array(["4ca1fb"]))
    packed = decode(arrow_stream.encode(lower), content_type=arrow_stream.CONTENT_TYPE)
    assert packed.frame.batch.equals(decode(fields(icao_address="4ca1fb")).frame.batch)


def test_a_frame_survives_the_wire() -> None:
    """Key, run, scan time and the last mark travel in key and headers."""
    frame = frame_of(
        [report(), report(time=SECOND)],
        key="radar/3",
        run="r-1",
        scan_time_ms=T0_MS + 1_500,
        last=True,
    )
    key, value, headers = encode_frame(frame)
    decoded = decode_message(RawMessage(key, value, dict(headers), T0_MS), Environment.EXERCISE)
    assert decoded == Decoded(frame, [])


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_a_bad_report_costs_only_itself(form: str) -> None:
    """A bad row in a good message is left out with its number and reason; the others stay."""
    if form == "json":
        decoded = decode([fields(), fields(lat=91.0), fields(track_id="T2")])
    else:
        batch = frame_of([report(), report(), report(track_id="T2")], key="radar").batch
        lats = pa.array([56.5, 91.0, 56.5])
        value = arrow_stream.encode(batch.set_column(2, ARROW_SCHEMA.field("lat"), lats))
        decoded = decode(value, content_type=arrow_stream.CONTENT_TYPE)
    assert decoded.frame.track_ids == ["T1", "T2"]
    assert [(bad.row, bad.reason.text) for bad in decoded.bad_rows] == [
        (1, "lat: input should be less than or equal to 90, got 91.0")
    ]


def test_elements_that_are_no_objects_cost_only_themselves() -> None:
    """A null or a number in a list is one bad row each."""
    decoded = decode([None, fields(), 7])
    assert [bad.row for bad in decoded.bad_rows] == [0, 2]
    assert decoded.frame.track_ids == ["T1"]


def test_many_bad_rows_are_rejected_as_one() -> None:
    """The first five of a frame's bad reports are kept one by one, the others as one with a count.

    So what is sent of a frame is bounded, however many of its reports are bad.
    """
    rows = [fields(), *(fields(lat=91 + number) for number in range(300))]
    decoded = decode(json.dumps(rows).encode())
    *first, others = decoded.rejections
    assert [(bad.row, bad.count) for bad in first] == [(row, 1) for row in range(1, 6)]
    assert (others.row, others.count, others.reason.reason_class) == (6, 295, "field")
    assert others.reason.text.startswith("295 more of its reports are bad, the first: lat: ")
    assert len(decoded.bad_rows) == 300


def test_a_report_of_another_source_is_left_out() -> None:
    """A report that names another source than the key is refused with the way to do it right."""
    decoded = decode([fields(), fields(source="other")])
    assert [(bad.row, bad.reason.text) for bad in decoded.bad_rows] == [
        (
            1,
            "source: report names 'other', the key 'radar' "
            "(kcat: -k SOURCE -X partitioner=murmur2_random)",
        )
    ]
    assert len(decode([fields()], key=b"radar/7").frame) == 1


def test_a_message_of_another_source_is_refused() -> None:
    """When no report names the key's source, the whole message is refused with that reason."""
    reason = refused([fields(source="other")])
    assert reason.startswith("source: report names 'other', the key 'radar'")


@pytest.mark.parametrize("key", [None, b""])
def test_a_message_needs_a_key(key: bytes | None) -> None:
    """A message without a key is refused with the command that sends one."""
    assert refused([fields()], key=key) == (
        "message has no key; send the source's name as key "
        "(kcat: -k SOURCE -X partitioner=murmur2_random)"
    )


@pytest.mark.parametrize(
    "key", [b" radar", b"radar/", b"/1", b"radar/1/2", b"radar\n", b"r\xff", b"r:1", b"a" * 65]
)
def test_a_key_is_a_source_or_a_shard(key: bytes) -> None:
    """A key that is no SOURCE or SOURCE/SHARD is refused and shown."""
    assert refused([fields()], key=key).startswith(f"key is no source name: {key!r}; send SOURCE")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"scan_time": "soon"}, "header scan-time must be milliseconds since 1970, got 'soon'"),
        ({"scan_time": "-1"}, "header scan-time must be milliseconds since 1970, got '-1'"),
        ({"scan_time": "1.5"}, "header scan-time must be milliseconds since 1970, got '1.5'"),
        ({"scan_time": ""}, "header scan-time must be milliseconds since 1970, got ''"),
        (
            {"scan_time": "1" * 16},
            f"header scan-time must be milliseconds since 1970, got '{'1' * 16}'",
        ),
        ({"last": "yes"}, "header last must be 0 or 1, got 'yes'"),
        ({"run": "a b"}, "header run is no name: 'a b'"),
        ({"run": "ā"}, "header run is not ascii: b'\\xc4\\x81'"),
        (
            {"content_type": "text/csv"},
            "content-type must be application/json or application/vnd.apache.arrow.stream, "
            "got 'text/csv'",
        ),
    ],
)
def test_a_bad_header_refuses_the_message(headers: dict[str, str], reason: str) -> None:
    """A header that says nothing readable refuses the message and is shown."""
    assert refused([fields()], **headers) == reason


def test_a_scan_from_the_future_refuses_the_message() -> None:
    """A scan 30 s ahead of the message's arrival is taken; a millisecond more refuses all of it."""
    assert decode([fields()], scan_time=str(T0_MS + 30_000)).frame.scan_time_ms == T0_MS + 30_000
    assert refused([fields()], scan_time=str(T0_MS + 30_001)) == (
        "scan time 2024-09-07T03:58:30.001Z is more than 30000 ms ahead of the message's "
        "arrival at 2024-09-07T03:58:00.000Z"
    )
    assert refused([fields()], scan_time="9" * 15).startswith(f"scan time {'9' * 15} ms is more")


def test_a_report_ahead_of_its_frame_is_left_out_alone() -> None:
    """A report later than the scan it came in costs itself and moves no clock."""
    decoded = decode([fields(), fields(time=at(1))], scan_time=str(T0_MS), at=5_000)
    assert [(bad.row, bad.reason.text) for bad in decoded.bad_rows] == [
        (1, "time: 2024-09-07T03:58:00.001Z is ahead of its scan 2024-09-07T03:58:00.000Z")
    ]
    assert (len(decoded.frame), decoded.frame.scan_time_ms) == (1, T0_MS)


def test_a_report_from_the_future_does_not_make_the_scan_time() -> None:
    """Without the header, the scan is the latest report that is not from the future."""
    decoded = decode([fields(), fields(time=at(30_000)), fields(time=at(30_001))])
    assert decoded.frame.scan_time_ms == T0_MS + 30_000
    assert [bad.row for bad in decoded.bad_rows] == [2]


def test_only_reports_from_the_future_refuse_the_message() -> None:
    """When every report is from the future there is no scan time, and no frame."""
    assert refused([fields(time=at(30_001))] * 2) == (
        "the earliest report 2024-09-07T03:58:30.001Z is more than 30000 ms ahead of the message's "
        "arrival at 2024-09-07T03:58:00.000Z"
    )


def test_simulated_reports_are_refused_among_actual_ones() -> None:
    """On the actual topic a simulated report is left out, and does not move the scan time."""
    decoded = decode([fields(), fields(simulated=True, time=at(500))])
    assert [(bad.row, bad.reason.text) for bad in decoded.bad_rows] == [
        (1, "simulated: a simulated report on the actual topic")
    ]
    assert decoded.frame.scan_time_ms == T0_MS
    assert refused(fields(simulated=True)) == "simulated: a simulated report on the actual topic"


def test_simulated_reports_are_taken_in_an_exercise() -> None:
    """In an exercise simulated and actual reports stand side by side."""
    decoded = decode(
        [fields(), fields(simulated=True)], environment=Environment.EXERCISE, run="drill-1"
    )
    assert (len(decoded.frame), decoded.bad_rows, decoded.frame.run) == (2, [], "drill-1")


@pytest.mark.parametrize("form", ["json", "arrow"])
def test_an_empty_frame_is_a_heartbeat(form: str) -> None:
    """A message without reports is good when it says when it was, in both forms."""
    empty = frame_of([], key="radar", scan_time_ms=T0_MS)
    value = [] if form == "json" else arrow_stream.encode(empty.batch)
    kind: dict[str, Any] = {} if form == "json" else {"content_type": arrow_stream.CONTENT_TYPE}
    assert decode(value, scan_time=str(T0_MS), **kind) == Decoded(empty, [])
    assert refused(value, **kind) == "a message without reports needs the header scan-time"


def test_a_message_with_a_scan_time_and_no_good_report_is_a_heartbeat() -> None:
    """The source is alive although all it said was wrong: its scan stands, its rows do not."""
    decoded = decode([fields(lat=91)], scan_time=str(T0_MS))
    assert (len(decoded.frame), decoded.frame.scan_time_ms) == (0, T0_MS)
    assert [bad.row for bad in decoded.bad_rows] == [0]


@pytest.mark.parametrize(("header", "last"), [("1", True), ("0", False), (None, False)])
def test_the_last_frame_is_marked(header: str | None, last: bool) -> None:
    """Only the header last with 1 ends a source, of a replay."""
    headers: dict[str, Any] = {} if header is None else {"last": header}
    assert decode([fields()], run="night", **headers).frame.last is last


def test_a_live_source_is_not_ended() -> None:
    """Whoever can write to the topic must not be able to end a radar: the header is left out."""
    decoded = decode([fields()], last="1")
    assert (decoded.frame.last, len(decoded.frame)) == (False, 1)
    assert decoded.left_out == ("last: a live source does not end",)


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"\xff", b"[1,]", b"56.5 27.2", b"[" * 5_000, b"1" * 5_000]
)
def test_what_is_not_json_is_refused(value: bytes | None) -> None:
    """No bytes, broken, nested without end, or a number without end: unreadable json."""
    assert refused(value).startswith("unreadable json: ")


@pytest.mark.parametrize(("value", "shown"), [(b"7", "7"), (b'"a"', "a"), (b"null", "None")])
def test_a_json_scalar_is_refused(value: bytes, shown: str) -> None:
    """A scalar is neither a report nor a list, and is shown."""
    reason = f"json must be a report or a list of reports, got {shown!r}"
    assert refused(value) == reason


def test_sizes_are_bounded() -> None:
    """Over a megabyte, or over 10,000 reports, nothing is read."""
    assert refused(b" " * 1_000_001) == "message of 1000001 bytes is over 1000000"
    assert refused(b"[" + b"1," * 10_000 + b"1]") == "list of 10001 reports is over 10000"


def test_a_broken_stream_is_refused_as_such() -> None:
    """A message that says Arrow and is not one is refused by the Arrow reader."""
    assert "arrow" in refused(b"[]", content_type=arrow_stream.CONTENT_TYPE)
