"""An SMSC for tests: SMPP 3.4 over TCP, on a free loopback port, in the test's own process.

    gateway ──submit_sm──▶ Smsc.messages      Smsc.orders says what it does with each
            ◀──submit_sm_resp, deliver_sm──

It writes and reads its own frames, so that it is no mirror of the code under test; the bodies of
submit_sm and deliver_sm are smpp34's.
"""

import asyncio
import contextlib
import itertools
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import smpp34

HEADER = struct.Struct(">IIII")
BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x09, 0x04, 0x05, 0x06, 0x15
RESPONSE = 0x8000_0000
THROTTLED, QUEUE_FULL, BAD_DESTINATION, BAD_PASSWORD = 0x58, 0x14, 0x0B, 0x0E
# Kannel drops a receipt that comes before the submit_sm_resp.
RECEIPT_AFTER_S = 0.06
LONGEST_S = 60.0  # only ever reached when something is broken


@dataclass
class Message:
    """A message that was taken."""

    id: str
    number: str
    text: str
    pdu: Any
    at: float


@dataclass
class Order:
    """What becomes of one message: refused with a status, unanswered, cut off, receipts."""

    status: int = 0
    answered: bool = True
    cut: bool = False  # the connection, after the message was taken and before the answer
    stat: str = "DELIVRD"
    receipts: int = 1
    receipt_after_s: float = RECEIPT_AFTER_S


@dataclass
class Smsc:
    """The SMSC. ``order`` is asked for each submit_sm; all by default are taken and delivered."""

    password: str = "secret"
    order: Callable[[Any], Order] = lambda _pdu: Order()
    receipt_id: Callable[[str], str] = str
    answers_enquiries: bool = True
    tls: ssl.SSLContext | None = None
    port: int = 0

    messages: list[Message] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    binds: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)  # statuses of deliver_sm_resp
    enquiries: int = 0
    left: int = 0  # unbinds of ours that were answered
    bind_status: int = 0
    _ids: Any = field(default_factory=lambda: itertools.count(0xA1))
    _sequences: Any = field(default_factory=lambda: itertools.count(1))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _bound: set[asyncio.StreamWriter] = field(default_factory=set)
    _unheard: dict[int, bytes] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> "Smsc":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; again on the same port after a stop."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, cut all connections, forget receipts that were still to come."""
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self) -> None:
        """Cut all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def until(self, condition: Callable[[], bool], longest_s: float = LONGEST_S) -> None:
        """Wait until something holds of this SMSC."""
        async with asyncio.timeout(longest_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_messages(self, count: int) -> None:
        """Wait until at least so many messages were taken."""
        await self.until(lambda: len(self.messages) >= count)

    async def until_bound(self, count: int) -> None:
        """Wait until at least so many binds were asked for."""
        await self.until(lambda: len(self.binds) >= count)

    def texts(self) -> list[str]:
        """Return what was taken, in order."""
        return [message.text for message in self.messages]

    def say(self, pdu: Any) -> None:
        """Send a deliver_sm, and again after each bind until it is acknowledged."""
        sequence = next(self._sequences)
        frame = bytearray(pdu.encode())
        struct.pack_into(">I", frame, 12, sequence)
        self._unheard[sequence] = bytes(frame)
        for writer in self._bound:
            _write(writer, frame)

    def unbind(self) -> None:
        """Take leave of all that are bound."""
        for writer in self._bound:
            _write(writer, HEADER.pack(HEADER.size, UNBIND, 0, next(self._sequences)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        self._writers.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    head = await reader.readexactly(HEADER.size)
                    frame = head + await reader.readexactly(HEADER.unpack(head)[0] - HEADER.size)
                    self._take(writer, frame)
                    self._changed.set()
        finally:
            self._writers.discard(writer)
            self._bound.discard(writer)
            self._serving.discard(serving)
            writer.close()

    def _take(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        _, command, status, sequence = HEADER.unpack(frame[: HEADER.size])
        if command == BIND:
            self._bind(writer, sequence, frame[HEADER.size :])
        elif command == SUBMIT:
            self._submit(writer, sequence, frame)
        elif command == ENQUIRE:
            self.enquiries += 1
            if self.answers_enquiries:
                _answer(writer, ENQUIRE, 0, sequence)
        elif command == UNBIND:
            _answer(writer, UNBIND, 0, sequence)
        elif command == UNBIND | RESPONSE:
            self.left += 1
        elif command == DELIVER | RESPONSE:
            self.acknowledged.append(status)
            if status == 0:
                self._unheard.pop(sequence, None)

    def _bind(self, writer: asyncio.StreamWriter, sequence: int, body: bytes) -> None:
        self.binds.append(asyncio.get_running_loop().time())
        password = body.split(b"\0")[1].decode()
        status = self.bind_status or (0 if password == self.password else BAD_PASSWORD)
        _answer(writer, BIND, status, sequence, b"" if status else b"smsc\0")
        if status == 0:
            self._bound.add(writer)
            for frame in list(self._unheard.values()):
                _write(writer, frame)

    def _submit(self, writer: asyncio.StreamWriter, sequence: int, frame: bytes) -> None:
        pdu = smpp34.decode(frame)
        order = self.order(pdu)
        if order.status:
            self.refused.append(pdu)
            _answer(writer, SUBMIT, order.status, sequence)
            return
        name = f"{next(self._ids):X}"
        now = asyncio.get_running_loop().time()
        self.messages.append(Message(name, pdu.destination_addr, text_of(pdu), pdu, now))
        if order.cut:
            writer.transport.abort()
            return
        if order.answered:
            _answer(writer, SUBMIT, 0, sequence, f"{name}\0".encode())
        for _ in range(order.receipts):
            task = asyncio.create_task(self._deliver(pdu, name, order))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, pdu: Any, name: str, order: Order) -> None:
        await asyncio.sleep(order.receipt_after_s)
        self.say(receipt(pdu, self.receipt_id(name), order.stat))


def receipt(pdu: Any, name: str, stat: str = "DELIVRD", **more: Any) -> Any:
    """Return the receipt for a message in the usual words."""
    words = (
        f"id:{name} sub:001 dlvrd:001 submit date:2601011200 done date:2601011200"
        f" stat:{stat} err:{'000' if stat == 'DELIVRD' else '007'} text:"
    )
    return smpp34.DeliverSm(
        pdu.destination_addr, pdu.source_addr, words.encode(), esm_class=0x04, **more
    )


def text_of(pdu: Any) -> str:
    """Return the text of a submit_sm."""
    payloads = [t.value for t in pdu.tlvs if t.tag == smpp34.TLV_MESSAGE_PAYLOAD]
    raw = bytes(payloads[0]) if payloads else bytes(pdu.short_message)
    if pdu.esm_class & 0x40:  # one part of several, after a header that says which
        raw = raw[raw[0] + 1 :]
    return raw.decode("utf-16-be" if pdu.data_coding == 8 else "gsm0338")


def _answer(
    writer: asyncio.StreamWriter, command: int, status: int, sequence: int, body: bytes = b""
) -> None:
    length = HEADER.size + len(body)
    _write(writer, HEADER.pack(length, command | RESPONSE, status, sequence) + body)


def _write(writer: asyncio.StreamWriter, frame: bytes | bytearray) -> None:
    if not writer.transport.is_closing():
        writer.write(frame)
