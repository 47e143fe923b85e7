"""One SMPP 3.4 session as a transceiver: bind, requests and their answers, receipts, enquire-link.

    request ──▶ frame ──▶ socket ─────────────────▶ SMSC
    pending[sequence] ◀── …_resp, generic_nack ◀──── │
    queue ──▶ deliver ──▶ deliver_sm_resp ─────────▶ │

Guarantee: a deliver_sm is answered only when ``deliver`` has returned, so that the SMSC keeps what
was not taken. A request that was written and not answered is uncertain; one that was not written is
unavailable. The session ends once, for a reason it can tell, and does not come back: reconnecting
is the gateway's business.

submit_sm and deliver_sm are written and read by smpp34. Its own client is not used: it acknowledges
receipts before anybody has them, reports a wrong password as a bind that timed out, and answers
a broken connection and a refusal with the same error.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import smpp34

from consumers.sms.gateways.protocol import UncertainError
from skyfence.errors import UnavailableError

HEADER: Final = struct.Struct(">IIII")  # length, command, status, sequence
RESPONSE: Final = 0x8000_0000
# Far above the 64 KiB of the largest optional field.
_MOST_BYTES: Final = 128 * 1024
_LAST_SEQUENCE: Final = 0x7FFF_FFFF
# Receipts that wait for the outbox's disk. The SMSC's own window is far smaller.
_WAITING: Final = 1_000
_VERSION: Final = 0x34


class SmppCommand(IntEnum):
    """The commands of a transceiver."""

    GENERIC_NACK = 0x8000_0000
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    ENQUIRE_LINK = 0x15


class CommandStatus(IntEnum):
    """The command statuses that the gateway tells apart (SMPP 3.4, table 5-2)."""

    OK = 0x00
    BAD_MESSAGE_LENGTH = 0x01
    BAD_COMMAND = 0x03
    SYSTEM_ERROR = 0x08
    BAD_DESTINATION = 0x0B
    BAD_PASSWORD = 0x0E
    BAD_SYSTEM_ID = 0x0F
    QUEUE_FULL = 0x14
    BAD_DESTINATION_TON = 0x50
    BAD_DESTINATION_NPI = 0x51
    THROTTLED = 0x58
    TRY_LATER = 0x64  # ESME_RX_T_APPN
    NEVER = 0x65  # ESME_RX_P_APPN
    REJECTED = 0x66  # ESME_RX_R_APPN


@dataclass(frozen=True)
class Pdu:
    """One protocol data unit as it came; ``frame`` is all of it."""

    command: int
    status: int
    sequence: int
    frame: bytes

    @property
    def body(self) -> bytes:
        """Return what follows the header."""
        return self.frame[HEADER.size :]


@dataclass(frozen=True)
class Timing:
    """Seconds between two enquire_links, and seconds that the SMSC may take for an answer."""

    enquire_s: float
    answer_s: float


class EndedError(Exception):
    """The session is over; ``str`` says why."""


# Takes one deliver_sm and returns the command status to answer it with.
Deliver = Callable[[Any], Awaitable[int]]


class Session:
    """One connection, alive inside ``async with``."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        deliver: Deliver,
        timing: Timing,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._deliver = deliver
        self._timing = timing
        self._sequence = 0
        self._pending: dict[int, asyncio.Future[Pdu]] = {}
        self._waiting: asyncio.Queue[Pdu] = asyncio.Queue(_WAITING)
        self._end_reason: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Session":
        """Start to read PDUs and to send enquire_links."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connection; requests without an answer end with ``UncertainError``."""
        self._end("closed by us", orderly=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def bind(self, system_id: str, password: str, system_type: str = "") -> int:
        """Bind as a transceiver; return the command status of the answer. Raises as ``request``."""
        strings = b"".join(text.encode() + b"\0" for text in (system_id, password, system_type))
        body = strings + bytes([_VERSION, 0, 0]) + b"\0"  # no range of addresses
        return (await self.request(SmppCommand.BIND_TRANSCEIVER, body)).status

    async def unbind(self) -> None:
        """Send an unbind and wait for no answer."""
        if self._end_reason is None:
            self._send(SmppCommand.UNBIND, CommandStatus.OK, self._next())

    async def request(self, command: SmppCommand, body: bytes = b"") -> Pdu:
        """Send a request and return its answer, or a generic_nack.

        Raises ``UnavailableError`` where it was not sent, ``UncertainError`` where no answer came
        within ``Timing.answer_s`` or before the session ended.
        """
        if self._end_reason is not None or self._writer.is_closing():
            raise UnavailableError(f"no session: {self._end_reason or 'the connection is closed'}")
        sequence = self._next()
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._pending[sequence] = answer
        try:
            # No drain: the window bounds what can pile up, and a cancelled one would be uncertain.
            self._send(command, CommandStatus.OK, sequence, body)
            async with asyncio.timeout(self._timing.answer_s):
                return await answer
        except TimeoutError:
            raise UncertainError(f"no answer within {self._timing.answer_s:g} s") from None
        finally:
            del self._pending[sequence]

    async def ended(self) -> str:
        """Wait until the session is over and return the reason."""
        if self._task is not None:
            await asyncio.shield(self._task)
        return self._end_reason or "never begun"

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for part in (self._read, self._deliver_in_order, self._enquire):
                    group.create_task(part())
        except* EndedError as errors:
            self._end(str(errors.exceptions[0]))
        finally:
            self._end("failed")  # unless it has ended already

    def _end(self, reason: str, *, orderly: bool = False) -> None:
        if self._end_reason is not None:
            return
        self._end_reason = reason
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(UncertainError(f"no answer: {reason}"))
        if orderly:
            self._writer.close()
        else:
            self._writer.transport.abort()  # close would wait for a peer that may be gone

    async def _read(self) -> None:
        while True:
            self._take(await self._next_pdu())

    async def _next_pdu(self) -> Pdu:
        try:
            head = await self._reader.readexactly(HEADER.size)
            length, command, status, sequence = HEADER.unpack(head)
            if not HEADER.size <= length <= _MOST_BYTES:
                raise EndedError(f"the smsc sent a pdu of {length} bytes")
            return Pdu(
                command,
                status,
                sequence,
                head + await self._reader.readexactly(length - HEADER.size),
            )
        except (asyncio.IncompleteReadError, OSError):
            raise EndedError("the smsc closed the connection") from None

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & RESPONSE:
            answer = self._pending.get(pdu.sequence)
            if answer is not None and not answer.done():
                answer.set_result(pdu)
        elif pdu.command == SmppCommand.DELIVER_SM:
            try:
                self._waiting.put_nowait(pdu)
            except asyncio.QueueFull:
                self._answer(pdu, CommandStatus.QUEUE_FULL, b"\0")
        elif pdu.command == SmppCommand.ENQUIRE_LINK:
            self._answer(pdu, CommandStatus.OK)
        elif pdu.command == SmppCommand.UNBIND:
            self._answer(pdu, CommandStatus.OK)
            self._end("the smsc took leave", orderly=True)
            raise EndedError("the smsc took leave")
        else:
            self._send(SmppCommand.GENERIC_NACK, CommandStatus.BAD_COMMAND, pdu.sequence)

    async def _deliver_in_order(self) -> None:
        """Hand each deliver_sm on when the one before it is answered."""
        while True:
            pdu = await self._waiting.get()
            try:
                status = await self._deliver(smpp34.decode(pdu.frame))
            except smpp34.SmppError:
                status = CommandStatus.BAD_MESSAGE_LENGTH
            self._answer(pdu, status, b"\0")  # an empty message_id

    async def _enquire(self) -> None:
        while True:
            await asyncio.sleep(self._timing.enquire_s)
            try:
                await self.request(SmppCommand.ENQUIRE_LINK)
            except (UncertainError, UnavailableError) as error:
                raise EndedError(f"enquire_link: {error}") from None

    def _next(self) -> int:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        return self._sequence

    def _answer(self, pdu: Pdu, status: int, body: bytes = b"") -> None:
        self._send(pdu.command | RESPONSE, status, pdu.sequence, body)

    def _send(self, command: int, status: int, sequence: int, body: bytes = b"") -> None:
        head = HEADER.pack(HEADER.size + len(body), command, status, sequence)
        self._writer.write(head + body)
