"""SMPP 3.4: SMS straight to an operator's SMSC, as a transceiver that comes back by itself.

    submit ──window──▶ session ──submit_sm──▶ SMSC
                          │ ◀──submit_sm_resp (id)
    on_receipt ◀──────────┴ ◀──deliver_sm (id, stat, err), answered when on_receipt has returned

Guarantee: ``submit`` returns once the SMSC has taken the message and given it an identifier. What
was written and not answered before the connection broke, at most the window, is uncertain. A
receipt comes at least once: it is acknowledged only when it has been noted, and refused for now
where that failed. An id that comes in two forms (hexadecimal here, decimal there) is made one where
the options say so.

A wrong name or password at the start is an error for whoever starts it; later, and for all else
that can go wrong, the session is tried again with growing pauses.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any, Final

import structlog

from consumers.sms.gateways.options import parse
from consumers.sms.gateways.protocol import (
    OnReceipt,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from consumers.sms.gateways.smpp_messages import SmppOptions, normalize_id, read_receipt, submit_sm
from consumers.sms.gateways.smpp_session import (
    CommandStatus,
    EndedError,
    Pdu,
    Session,
    SmppCommand,
    Timing,
)
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.credentials import read_secret, tls_context
from skyfence.adapters.metrics import SMS_RECEIPTS
from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import UnavailableError, UsageError

log = structlog.get_logger()

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 60.0

# Of the message itself: it will never be taken. All else is the link's or the settings' fault, and
# may be mended before the alert expires.
_REFUSED: Final = {
    CommandStatus.BAD_MESSAGE_LENGTH,
    CommandStatus.BAD_DESTINATION,
    CommandStatus.BAD_DESTINATION_TON,
    CommandStatus.BAD_DESTINATION_NPI,
    CommandStatus.NEVER,
    CommandStatus.REJECTED,
}
_BUSY: Final = {CommandStatus.THROTTLED, CommandStatus.QUEUE_FULL}
_NOT_LET_IN: Final = {CommandStatus.BAD_PASSWORD, CommandStatus.BAD_SYSTEM_ID}


def from_options(options: Mapping[str, Any], on_receipt: OnReceipt) -> "SmppGateway":
    """Return the gateway; raise ``UsageError`` naming the option that is wrong."""
    return SmppGateway(parse(SmppOptions, options, "smpp"), on_receipt)


class SmppGateway:
    """One SMSC. Bound, or trying to be, inside ``async with``."""

    def __init__(
        self,
        options: SmppOptions,
        on_receipt: OnReceipt,
        *,
        pause: Callable[[float], Any] = asyncio.sleep,
        rng: Random | None = None,
    ) -> None:
        self._options = options
        self._password = read_secret(options.password_file, "option password_file")
        self._tls = tls_context(options.ca_file, "option ca_file") if options.tls else None
        self._on_receipt = on_receipt
        self._pause = pause
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, rng)
        self._name = f"smsc at {options.host}:{options.port}"
        self._window = asyncio.Semaphore(options.window)
        self._session: Session | None = None
        self._why = "not yet bound"
        self._tried = asyncio.Event()
        self._not_let_in: UsageError | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "SmppGateway":
        """Try to bind once; raise ``UsageError`` where the SMSC refuses name or password."""
        self._keeper = asyncio.create_task(self._keep_bound())
        await asyncio.wait(
            [self._keeper, tried := asyncio.create_task(self._tried.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        tried.cancel()
        if self._not_let_in is not None or self._keeper.done():
            await self.__aexit__()
            raise self._not_let_in or UnavailableError(f"{self._name}: {self._why}")
        return self

    async def __aexit__(self, *error: object) -> None:
        """Unbind, close the connection, and stop binding again."""
        if self._session is not None:
            await self._session.unbind()
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    async def submit(self, sms: Sms) -> str | None:
        """Hand a message to the SMSC; return its identifier, in the form that receipts have.

        Waits while ``options.window`` messages are unanswered. Raises as ``Gateway.submit`` says.
        """
        body = submit_sm(self._options, sms)
        async with self._window:
            if self._keeper is not None and self._keeper.done():
                self._keeper.result()  # a defect, not to be taken for an outage
            if self._session is None:
                raise UnavailableError(f"{self._name} cannot be reached: {self._why}")
            try:
                answer = await self._session.request(SmppCommand.SUBMIT_SM, body)
            except UncertainError as error:
                raise UncertainError(f"{self._name}: {error}") from None
        return self._read_response(answer)

    def _read_response(self, answer: Pdu) -> str | None:
        """Return the message's identifier; raise the error that another status stands for."""
        if answer.status == CommandStatus.OK:
            reference = answer.body.partition(b"\0")[0].decode("ascii", "replace")
            return normalize_id(reference, self._options.response_id) or None
        reason = f"{self._name} answered {_named(answer.status)}"
        if answer.status in _BUSY:
            raise ThrottledError(reason)
        if answer.status in _REFUSED:
            raise RefusedError(reason)
        raise UnavailableError(reason)

    async def _keep_bound(self) -> None:
        """Bind, and bind again when the session ends, with pauses that double while it fails."""
        while True:
            try:
                async with self._bound() as session:
                    self._backoff.reset()
                    self._session = session
                    self._tried.set()
                    self._why = await session.ended()
            except (EndedError, UnavailableError, UncertainError, UsageError) as error:
                self._why = str(error)
                self._not_let_in = error if isinstance(error, UsageError) else None
                self._tried.set()
            finally:
                self._session = None
            pause_s = self._backoff.next_s()
            log.warning(
                "sms.smpp.down", gateway=self._name, reason=self._why, again_in_s=round(pause_s, 1)
            )
            await self._pause(pause_s)

    @asynccontextmanager
    async def _bound(self) -> AsyncIterator[Session]:
        """Connect and bind; raise ``UsageError`` where the SMSC refuses name or password."""
        options = self._options
        try:
            async with asyncio.timeout(options.answer_s):
                reader, writer = await asyncio.open_connection(
                    options.host, options.port, ssl=self._tls
                )
        except TimeoutError:
            raise UnavailableError(f"no connection within {options.answer_s:g} s") from None
        except (OSError, UnicodeError) as error:  # TLS's are among them; a name that is none
            raise UnavailableError(describe_os_error(error)) from None
        timing = Timing(options.enquire_s, options.answer_s)
        async with Session(reader, writer, self._deliver, timing) as session:
            status = await session.bind(options.system_id, self._password, options.system_type)
            if status in _NOT_LET_IN:
                raise UsageError(
                    f"options system_id, password_file: {self._name} does not let"
                    f" {options.system_id!r} in: {_named(status)}"
                )
            if status != CommandStatus.OK:
                raise EndedError(f"bind refused: {_named(status)}")
            log.info("sms.smpp.bound", gateway=self._name, system_id=options.system_id)
            yield session

    async def _deliver(self, pdu: Any) -> int:
        """Hand the receipt in a deliver_sm on; return the status to answer the deliver_sm with."""
        receipt = read_receipt(pdu, self._options.receipt_id)
        if receipt is None:
            SMS_RECEIPTS.labels("under_way").inc()
            return CommandStatus.OK
        try:
            await self._on_receipt(receipt)
        except UnavailableError as error:
            log.warning("sms.receipts.not_taken", gateway=self._name, reason=str(error))
            return CommandStatus.TRY_LATER
        SMS_RECEIPTS.labels(receipt.state.value).inc()
        return CommandStatus.OK


def _named(status: int) -> str:
    try:
        return f"0x{status:08x} ({CommandStatus(status).name.lower().replace('_', ' ')})"
    except ValueError:
        return f"0x{status:08x}"
