"""The CSV source: reports as lines of comma-separated values over TCP.

Guarantee: at most once. A line that was read and not yet stored in Kafka when this process is
killed is gone, because TCP's sender is told only that it arrived; while Kafka is away nothing is
read, so that the sender waits. Lines of one connection keep their order.

    client ──▶ socket ──▶ LineSplitter ──▶ CsvParser ──▶ queue ──▶ batches
                              └── too long ──┴── no report ──▶ bad items

It listens for clients, or connects to one that serves. Nobody is asked who they are, so it listens
on loopback unless told otherwise. docs/sources/csv-tcp.md says what lines look like.
"""

import asyncio
import csv
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Final, Literal

import structlog
from prometheus_client import Gauge
from pydantic import Field, ValidationError

from producers.source import Source, SourceComponent, SourceContext
from skyfence.components.component import ComponentOptions
from skyfence.contracts.base import SourceName
from skyfence.contracts.rejected import BadInputError, Reason
from skyfence.contracts.report import Report
from skyfence.errors import UnavailableError, UsageError
from skyfence.frames.packing import HEARTBEAT_MS, SourceHeartbeat, SourceItem
from skyfence.times import MS_PER_S, format_time, from_ms

log = structlog.get_logger()

CLIENTS: Final = Gauge("skyfence_csv_tcp_clients", "Clients that are connected to the CSV source.")
_READ_BYTES: Final = 65_536
_WAITING_BATCHES: Final = 64  # beyond it no more is read: the sender waits
_KEEPALIVE_S: Final = 20  # a peer that vanished without a word is found out within a minute
_REQUIRED: Final = ("time", "track_id", "lat", "lon")
_NUMBERS: Final = frozenset(
    {"lat", "lon", "altitude_m", "ground_speed_mps", "course_deg", "vertical_rate_mps"}
    | {"accuracy_m"}
)
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_METRES: Final = {"m": 1.0, "ft": 0.3048}
_METRES_PER_S: Final = {"m/s": 1.0, "kt": 1852 / 3600, "km/h": 1 / 3.6, "ft/min": 0.3048 / 60}


class CsvTcpOptions(ComponentOptions):
    """What ``skyfence source csv-tcp`` takes."""

    address: Annotated[
        str,
        Field(pattern=r"^\S+:\d{1,5}$", description="HOST:PORT to listen on, or to connect to."),
    ] = "127.0.0.1:5010"
    mode: Annotated[
        Literal["listen", "connect"], Field(description="Who opens the connection.")
    ] = "listen"
    source: Annotated[
        SourceName, Field(description="The source of lines that name none in a column.")
    ] = "csv-tcp"
    columns: Annotated[
        tuple[str, ...],
        Field(description="The columns of lines without a header, a comma between them."),
    ] = ()
    fields: Annotated[
        dict[str, str],
        Field(description="A column's field where its name differs, as latitude=lat."),
    ] = Field(default_factory=dict)
    unknown_columns: Annotated[
        Literal["refuse", "ignore"], Field(description="What to do with columns of no field.")
    ] = "refuse"
    delimiter: Annotated[
        str, Field(min_length=1, max_length=1, description="What stands between two values.")
    ] = ","
    time_format: Annotated[
        Literal["rfc3339", "unix-s", "unix-ms"], Field(description="How times are written.")
    ] = "rfc3339"
    altitude_unit: Annotated[Literal["m", "ft"], Field(description="Of altitude_m.")] = "m"
    speed_unit: Annotated[
        Literal["m/s", "kt", "km/h"], Field(description="Of ground_speed_mps.")
    ] = "m/s"
    vertical_rate_unit: Annotated[
        Literal["m/s", "ft/min"], Field(description="Of vertical_rate_mps.")
    ] = "m/s"
    delay_s: Annotated[
        float,
        Field(ge=0, le=3_600, description="How old a line may be; heartbeats lag by it."),
    ] = 2.0
    max_clients: Annotated[int, Field(ge=1, le=1_000, description="More are turned away.")] = 32
    max_line_bytes: Annotated[
        int, Field(ge=64, le=1_000_000, description="Longer lines are not used.")
    ] = 4_096


class LineSplitter:
    """Cuts a stream of bytes into lines, and never holds more than a line of the longest kind."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._rest = b""
        self._skipping = False  # amid a line that was too long

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the lines that are complete with these bytes; None stands for one too long."""
        lines: list[bytes | None] = []
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            if self._skipping:
                self._skipping = False  # this is the end of it
            else:
                lines.append(line if len(line) <= self._max_line_bytes else None)
        if self._skipping:
            self._rest = b""
        elif len(self._rest) > self._max_line_bytes:
            lines.append(None)
            self._rest, self._skipping = b"", True
        return lines

    def rest(self) -> bytes:
        """Return the half line at the end of the stream."""
        return b"" if self._skipping else self._rest


class CsvParser:
    """Makes reports of one connection's lines; the first line is the header unless columns are."""

    def __init__(self, options: CsvTcpOptions) -> None:
        self._options = options
        self._fields = self._fields_of(options.columns) if options.columns else None
        self._factors = {
            "altitude_m": _METRES[options.altitude_unit],
            "ground_speed_mps": _METRES_PER_S[options.speed_unit],
            "vertical_rate_mps": _METRES_PER_S[options.vertical_rate_unit],
        }

    def report(self, line: bytes) -> Report | None:
        """Return a line's report, None for the header and a blank line.

        Raises ``BadInputError`` for any other line, and ``InputError`` for a header that cannot be
        used: then no line after it can be either.
        """
        text = self._text(line)
        if not text.strip():
            return None
        try:
            [values] = csv.reader([text], delimiter=self._options.delimiter, strict=True)
        except (csv.Error, ValueError) as error:
            raise BadInputError("unreadable", f"no CSV: {error}") from None
        if self._fields is None:
            self._fields = self._fields_of(values)
            return None
        if len(values) != len(self._fields):
            counts = f"{len(values)} values for {len(self._fields)} columns"
            raise BadInputError("unreadable", counts)
        pairs = zip(self._fields, values, strict=True)
        given = {name: self._value(name, text) for name, text in pairs if name and text.strip()}
        try:
            return Report.model_validate({"source": self._options.source} | given)
        except ValidationError as error:
            raise BadInputError("field", Reason.of_invalid(error).text) from None

    @property
    def has_columns(self) -> bool:
        """Tell whether the columns are known, by the options or by a header."""
        return self._fields is not None

    def _text(self, line: bytes) -> str:
        try:
            return line.decode("utf-8-sig").rstrip("\r")
        except UnicodeDecodeError:
            raise BadInputError("unreadable", "not UTF-8 text") from None

    def _fields_of(self, columns: Sequence[str]) -> list[str]:
        """Return each column's field, "" for one that is ignored."""
        names = [self._options.fields.get(name.strip(), name.strip()) for name in columns]
        unknown = [name for name in names if name not in Report.model_fields]
        if unknown and self._options.unknown_columns == "refuse":
            raise BadInputError("header", f"columns: no field of a report is {unknown[0]!r}")
        missing = [name for name in _REQUIRED if name not in names]
        if missing:
            raise BadInputError("header", f"columns: {missing[0]} is missing, got {list(columns)}")
        return ["" if name in unknown else name for name in names]

    def _value(self, name: str, text: str) -> Any:
        text = text.strip()
        if name == "time" and self._options.time_format != "rfc3339":
            per_unit = MS_PER_S if self._options.time_format == "unix-s" else 1
            return format_time(from_ms(round(self._number(name, text) * per_unit)))
        if name == "simulated":
            return _FLAGS.get(text.lower(), text)
        if name in _NUMBERS:
            return self._number(name, text) * self._factors.get(name, 1.0)
        return text

    def _number(self, name: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise BadInputError("field", f"{name}: not a number, got {text[:80]!r}") from None


class CsvTcp:
    """The lines of all connections, as reports, and heartbeats while somebody is connected."""

    def __init__(self, options: CsvTcpOptions, context: SourceContext) -> None:
        self._options = options
        self._clock = context.clock
        self._bad_items = context.bad_items
        self._queue: asyncio.Queue[Sequence[SourceItem]] = asyncio.Queue(_WAITING_BATCHES)
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()

    async def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield the reports of each read together; raise what ended the connection."""
        while True:
            getting = asyncio.ensure_future(self._queue.get())
            try:
                waited: set[asyncio.Future[Any]] = {getting, self._failure}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    yield getting.result()
                else:
                    self._failure.result()
            finally:
                getting.cancel()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client that connected, or turn it away."""
        if len(self._tasks) >= self._options.max_clients:
            log.warning("csv.turned_away", clients=len(self._tasks))
            writer.close()
            return
        self._start(self.read_all(reader, writer))

    async def connect(self, host: str, port: int) -> None:
        """Read from a server; its end is a failure, after which it is connected to again."""
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            raise UnavailableError(f"{host}:{port}: {_reason(error)}") from None

        async def read_then_fail() -> None:
            await self.read_all(reader, writer)
            if not self._failure.done():
                error = UnavailableError(f"{host}:{port}: the connection ended")
                self._failure.set_exception(error)

        self._start(read_then_fail())

    def _start(self, reading: Any) -> None:
        task = asyncio.ensure_future(reading)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def read_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a connection to its end."""
        peer = writer.get_extra_info("peername")
        _keep_alive(writer.get_extra_info("socket"))
        log.info("csv.connected", peer=str(peer))
        CLIENTS.inc()
        try:
            await self._read_lines(reader)
        except BadInputError as error:  # a header by which no line can be read
            self._bad_items.reject(b"", error.reason)
        except OSError as error:
            log.warning("csv.broken", peer=str(peer), reason=_reason(error))
        finally:
            CLIENTS.dec()
            log.info("csv.disconnected", peer=str(peer))
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _read_lines(self, reader: asyncio.StreamReader) -> None:
        splitter, parser = LineSplitter(self._options.max_line_bytes), CsvParser(self._options)
        sources, reading = {self._options.source}, None
        named = False
        try:
            while True:
                reading = reading or asyncio.ensure_future(reader.read(_READ_BYTES))
                await asyncio.wait({reading}, timeout=HEARTBEAT_MS / MS_PER_S)
                if not reading.done():
                    await self._queue.put(self._heartbeats(sources))
                    continue
                data, reading = reading.result(), None
                if not data:
                    break
                reports = [r for line in splitter.feed(data) if (r := self._parse(parser, line))]
                if reports:
                    seen = {report.source for report in reports}
                    sources, named = (sources | seen, True) if named else (seen, True)
                    await self._queue.put(reports)
        finally:
            if reading is not None:
                reading.cancel()
        if rest := splitter.rest():
            self._bad_items.reject(rest, Reason("unreadable", "the connection ended amid a line"))

    def _parse(self, parser: CsvParser, line: bytes | None) -> Report | None:
        """Return a line's report, or count the line; raise for a header that cannot be used."""
        if line is None:
            limit = self._options.max_line_bytes
            self._bad_items.reject(b"", Reason("size", f"a line of more than {limit} bytes"))
            return None
        has_columns = parser.has_columns
        try:
            return parser.report(line)
        except BadInputError as error:
            if not has_columns and error.reason.reason_class == "header":
                raise
            self._bad_items.reject(line, error.reason)
            return None

    def _heartbeats(self, sources: set[str]) -> list[SourceItem]:
        """Return the word that these sources watched and saw nothing, as old as a line may be."""
        time_ms = self._clock.now_ms() - round(self._options.delay_s * MS_PER_S)
        return [SourceHeartbeat(source, time_ms) for source in sorted(sources)]

    async def close(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failure.done():
            self._failure.exception()  # it has been told, or nobody is there any more


@asynccontextmanager
async def open_csv_tcp(options: CsvTcpOptions, context: SourceContext) -> AsyncIterator[Source]:
    """Listen or connect, as the options say."""
    try:
        CsvParser(options)
    except BadInputError as error:
        raise UsageError(f"--columns: {error}") from None
    host, port = _host_and_port(options.address)
    source = CsvTcp(options, context)
    server = None
    try:
        if options.mode == "connect":
            await source.connect(host, port)
        else:
            server = await _listen(source.accept, host, port)
            address = server.sockets[0].getsockname()
            log.info("csv.listening", host=address[0], port=address[1])
        yield source
    finally:
        if server is not None:
            server.close()
        await source.close()


async def _listen(accept: Callable[..., None], host: str, port: int) -> asyncio.Server:
    try:
        return await asyncio.start_server(accept, host, port)
    except OSError as error:
        raise UsageError(f"{host}:{port}: cannot listen there: {_reason(error)}") from None


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if int(port) > 65_535:
        raise UsageError(f"--address: a port is at most 65535, got {address!r}")
    return host.strip("[]"), int(port)


def _keep_alive(connection: socket.socket) -> None:
    """Have the system ask a silent peer whether it still is there."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # not everywhere
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connection.setsockopt(socket.IPPROTO_TCP, option, _KEEPALIVE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or "no answer").lower()


COMPONENT = SourceComponent(
    name="csv-tcp",
    summary="reports as lines of comma-separated values over TCP",
    guarantee="at most once: what was read and is not yet in Kafka when the process dies is gone; "
    "in the order of each connection",
    options=CsvTcpOptions,
    open=open_csv_tcp,
    metrics=("skyfence_csv_tcp_clients",),
)
