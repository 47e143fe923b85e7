"""The CSV source: what lines mean, what is refused, and how connections begin and end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from prometheus_client import REGISTRY

from producers.bad_items import BadItems
from producers.csv_tcp import COMPONENT, CsvParser, CsvTcpOptions, LineSplitter
from producers.source import Source, SourceContext
from skyfence.adapters.clock import WallClock
from skyfence.adapters.settings import Settings
from skyfence.contracts.rejected import BadInputError, Reason
from skyfence.contracts.report import Report
from skyfence.errors import UnavailableError, UsageError
from skyfence.frames.packing import SourceItem

HEADER = b"time,track_id,lat,lon\n"
LINE = b"2026-01-01T00:00:00Z,T1,45.1,28.9\n"
LONGEST_S = 10
# One of each kind that is converted, two of them under names of the sender's.
NAMES = (
    *("t", "track_id", "latitude", "lon", "alt"),
    *("ground_speed_mps", "vertical_rate_mps", "category"),
)


class Kept(BadItems):
    """Keeps what it is told of, besides counting it."""

    def __init__(self) -> None:
        super().__init__("csv-tcp", WallClock())
        self.reasons: list[Reason] = []

    def reject(self, item: bytes, reason: Reason) -> None:
        """Keep the reason."""
        super().reject(item, reason)
        self.reasons.append(reason)


class Rig:
    """A running source on a free port, and what came of it."""

    def __init__(self, source: Source, bad: Kept, port: int) -> None:
        self.port, self.bad = port, bad
        self._batches = source.batches()

    async def next(self) -> Sequence[SourceItem]:
        """Return the next batch."""
        async with asyncio.timeout(LONGEST_S):
            return await anext(self._batches)

    async def send(self, *parts: bytes) -> asyncio.StreamWriter:
        """Connect and send; return the connection."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for part in parts:
            writer.write(part)
        await writer.drain()
        return writer


@asynccontextmanager
async def running(**given: Any) -> AsyncIterator[Rig]:
    """Run the source on a port that the system picks."""
    bad = Kept()
    context = SourceContext(settings=Settings(), bad_items=bad)
    options = CsvTcpOptions.model_validate({"address": "127.0.0.1:0"} | given)
    ports: list[int] = []
    start = asyncio.start_server

    async def start_and_tell(*arguments: Any) -> asyncio.Server:
        server = await start(*arguments)
        ports.append(server.sockets[0].getsockname()[1])
        return server

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "start_server", start_and_tell)
        async with COMPONENT.open(options, context) as source:
            yield Rig(source, bad, ports[0] if ports else 0)


@asynccontextmanager
async def conformance_rig(_: Any) -> AsyncIterator[Any]:
    """Yield what the conformance test needs: a running source, and how it is sent a bad item."""
    async with running() as rig:

        async def send_bad() -> None:
            await rig.send(HEADER, b"nonsense\n", LINE)
            await rig.next()

        yield send_bad


def parsed(line: str, **given: Any) -> Report:
    """Return the report of a line whose columns the options name."""
    report = CsvParser(CsvTcpOptions.model_validate(given)).report(line.encode())
    assert report is not None
    return report


def refused(line: bytes, **given: Any) -> Reason:
    """Return why a line is no report."""
    options = CsvTcpOptions.model_validate(
        {"columns": ("time", "track_id", "lat", "lon", "altitude_m")} | given
    )
    with pytest.raises(BadInputError) as caught:
        CsvParser(options).report(line)
    return caught.value.reason


def test_columns_and_units_become_a_report() -> None:
    """Feet, knots and feet a minute become metres and metres a second; Unix times are UTC."""
    report = parsed(
        '1767225600.5,"T,1",45.5,28.5,1000,100,600,uav',
        columns=NAMES,
        fields={"t": "time", "latitude": "lat", "alt": "altitude_m"},
        time_format="unix-s",
        altitude_unit="ft",
        speed_unit="kt",
        vertical_rate_unit="ft/min",
        source="radar-1",
    )
    assert report.model_dump(exclude_unset=True) | {"time": report.time.isoformat()} == {
        "time": "2026-01-01T00:00:00.500000+00:00",
        "source": "radar-1",
        "track_id": "T,1",
        "lat": 45.5,
        "lon": 28.5,
        "altitude_m": pytest.approx(304.8),
        "ground_speed_mps": pytest.approx(51.444, abs=1e-3),
        "vertical_rate_mps": pytest.approx(3.048),
        "category": "uav",
    }


def test_an_empty_value_is_not_known() -> None:
    """A column without a value leaves the field out, and the line's own source counts."""
    columns = ("source", "time", "track_id", "lat", "lon", "altitude_m", "simulated")
    report = parsed("radar-2,2026-01-01T00:00:00Z,T1,1,2,,true", columns=columns)
    assert (report.source, report.altitude_m, report.simulated) == ("radar-2", None, True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"2026-01-01T00:00:00Z,T1,91,2,", Reason("field", "lat: input should be less than or")),
        (b"2026-01-01T00:00:00Z,T1,x,2,", Reason("field", "lat: not a number, got 'x'")),
        (b"2026-01-01T00:00:00Z,T1,nan,2,", Reason("field", "lat: input should be")),
        (b"yesterday,T1,1,2,", Reason("field", "time: ")),
        (b"2026-01-01T00:00:00Z,T1,1", Reason("unreadable", "3 values for 5 columns")),
        (b'"2026', Reason("unreadable", "no CSV: ")),
        (b"\xff\xfe", Reason("unreadable", "not UTF-8 text")),
    ],
)
def test_what_is_no_report_is_refused_with_the_value(line: bytes, reason: Reason) -> None:
    """Each bad line has a class that it is counted by, and a reason that shows what is wrong."""
    told = refused(line)
    assert told.reason_class == reason.reason_class
    assert told.text.startswith(reason.text)


def test_columns_must_say_what_a_report_needs() -> None:
    """A column of no field, or a missing one, is refused, unless unknown ones are to be ignored."""
    assert refused(b"", columns=("time", "altitude")).text == (
        "columns: no field of a report is 'altitude'"
    )
    assert refused(b"", columns=("time", "lat", "lon")).text.startswith(
        "columns: track_id is missing"
    )
    report = parsed(
        "2026-01-01T00:00:00Z,T1,1,2,whatever",
        columns=("time", "track_id", "lat", "lon", "note"),
        unknown_columns="ignore",
    )
    assert report.track_id == "T1"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_lines_are_cut_however_the_bytes_arrive(size: int) -> None:
    """The same lines come of the same bytes in any pieces; a long one is one, whatever follows."""
    splitter, data = LineSplitter(5), b"abc\n" + b"x" * 20 + b"\n12345\n\nhal"
    lines = [
        line
        for start in range(0, len(data), size)
        for line in splitter.feed(data[start : start + size])
    ]
    assert lines == [b"abc", None, b"12345", b""]
    assert splitter.rest() == b"hal"


async def test_many_clients_send_at_once() -> None:
    """Each client has its header; what came in one piece is one batch."""
    async with running() as rig:
        writers = [await rig.send(HEADER + LINE.replace(b"T1", b"T%d" % n)) for n in range(3)]
        batches = [await rig.next() for _ in writers]
        for writer in writers:
            writer.close()
    tracks = {item.track_id for batch in batches for item in batch if isinstance(item, Report)}
    assert tracks == {"T0", "T1", "T2"}


async def test_a_bad_line_costs_only_itself() -> None:
    """Bad and overlong lines are counted with their reason; the next ones are reports."""
    async with running(max_line_bytes=64) as rig:
        writer = await rig.send(HEADER, b"nonsense\n", b"x" * 1_000 + b"\n", LINE)
        [report] = await rig.next()
        writer.close()
    assert isinstance(report, Report)
    assert [reason.reason_class for reason in rig.bad.reasons] == ["unreadable", "size"]


async def test_half_a_line_at_the_end_is_no_report() -> None:
    """A connection that ends amid a line gives no report of it, and says so."""
    async with running() as rig:
        writer = await rig.send(HEADER, LINE, LINE[:20])
        await rig.next()
        writer.close()
        async with asyncio.timeout(LONGEST_S):
            while not rig.bad.reasons:  # noqa: ASYNC110 - the source tells nobody else
                await asyncio.sleep(0)
    assert rig.bad.reasons == [Reason("unreadable", "the connection ended amid a line")]


async def test_a_wrong_header_ends_the_connection() -> None:
    """Where no line could be read, the client is told by the end of its connection."""
    async with running() as rig:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(b"a,b\n" + LINE)
        async with asyncio.timeout(LONGEST_S):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
    assert [reason.reason_class for reason in rig.bad.reasons] == ["header"]


async def test_one_client_too_many_is_turned_away() -> None:
    """Beyond the limit a client is disconnected, and those before stay."""
    async with running(max_clients=1) as rig:
        first = await rig.send(HEADER + LINE)
        await rig.next()
        reader, second = await asyncio.open_connection("127.0.0.1", rig.port)
        async with asyncio.timeout(LONGEST_S):
            assert await reader.read() == b""
        first.write(LINE)
        assert len(await rig.next()) == 1
        first.close()
        second.close()


async def test_silence_is_told_only_while_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent client's source is said to watch; without a client nothing is said."""
    monkeypatch.setattr("producers.csv_tcp.HEARTBEAT_MS", 20)
    async with running(source="radar-1") as rig:
        writer = await rig.send(HEADER)
        [heartbeat] = await rig.next()
        assert not isinstance(heartbeat, Report)
        assert heartbeat.source == "radar-1"
        writer.close()
        async with asyncio.timeout(LONGEST_S):
            while REGISTRY.get_sample_value("skyfence_csv_tcp_clients"):  # noqa: ASYNC110
                await asyncio.sleep(0)
        waiting = asyncio.ensure_future(rig.next())
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        waiting.cancel()
        assert not [task for task in done if len(task.result()) > 1]


async def test_a_server_that_ends_is_connected_to_again() -> None:
    """In the mode `connect` the end of the connection is a failure of the transport."""

    def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEADER + LINE)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(mode="connect", address=f"127.0.0.1:{port}") as rig:
        assert len(await rig.next()) == 1
        with pytest.raises(UnavailableError, match="the connection ended"):
            await rig.next()
    server.close()
    await server.wait_closed()
    with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}: "):
        async with running(mode="connect", address=f"127.0.0.1:{port}"):
            raise AssertionError


async def test_a_port_that_is_taken_is_permanent() -> None:
    """Where another process listens, waiting does not help: the error names the address."""
    async with running() as rig:
        with pytest.raises(UsageError, match=f"127.0.0.1:{rig.port}: cannot listen there: "):
            async with running(address=f"127.0.0.1:{rig.port}"):
                raise AssertionError


async def test_nothing_is_left_after_the_end() -> None:
    """Leaving ends the connections and their tasks."""
    before = asyncio.all_tasks()
    async with running() as rig:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(HEADER + LINE)
        await rig.next()
    async with asyncio.timeout(LONGEST_S):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert not left
