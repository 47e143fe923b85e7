"""One codec for the snapshots of all agents: what a state is written as, and read from.

A snapshot says what it is, in which format, and which skyfence wrote it. A dataclass is written
field by field as it stands, a contract (pydantic) as its own JSON; what cannot be written so, its
agent puts into a form that ``packed_form`` derives from the class. No class is repeated by hand.

    state ──encode──▶ {kind, format, version, state} in MessagePack ──decode──▶ state
                                      │ older format                    ▲
                                      └──▶ plain data ──upgrade n → n+1─┘

Does not store snapshots (``streams``). Trusts what it reads no further than its types go: a
snapshot is data, never code.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from types import MappingProxyType
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from skyfence import __version__
from skyfence.contracts.base import Contract
from skyfence.errors import InputError

StateT = TypeVar("StateT")
# Takes the plain data of one format (dictionaries, lists, text, numbers) to that of the next.
Upgrade = Callable[[Any], Any]

# What reading bytes of another form raises: by their types, and by rows that are missing.
_UNREADABLE: Final = (msgspec.MsgspecError, LookupError, OverflowError, TypeError, ValueError)


class _Envelope(msgspec.Struct):
    """What stands around a state. ``skyfence`` is the version that wrote it."""

    kind: str
    format: int
    skyfence: str
    state: msgspec.Raw


@dataclass(frozen=True)
class SnapshotForm:
    """One agent's snapshots: what they are, and how those of each older format are upgraded.

    ``upgrades`` holds one function a format, from the oldest that is read on; the newest format
    follows from it. ``read_first`` reads format 1, which had no envelope, as plain data.
    """

    kind: str
    upgrades: Mapping[int, Upgrade]
    read_first: Callable[[bytes], Any]

    @property
    def format(self) -> int:
        """Return the format that is written."""
        return max(self.upgrades) + 1

    @property
    def oldest(self) -> int:
        """Return the oldest format that is read."""
        return min(self.upgrades)


def encode(form: SnapshotForm, state: object) -> bytes:
    """Return a state as a snapshot's bytes."""
    written = msgspec.Raw(msgspec.msgpack.encode(state, enc_hook=_plain))
    return msgspec.msgpack.encode(_Envelope(form.kind, form.format, __version__, written))


def encoded(value: object) -> bytes:
    """Return a value as ``encode`` writes it, to be put into a state by ``array_of``."""
    return msgspec.msgpack.encode(value, enc_hook=_plain)


def array_of(items: Sequence[bytes]) -> msgspec.Raw:
    """Return a list of values that are ``encoded`` already, as part of a state.

    Its head is MessagePack's: the length in 4, 16 or 32 bits.
    """
    count = len(items)
    if count < 1 << 4:
        head = bytes([0x90 | count])
    elif count < 1 << 16:
        head = b"\xdc" + count.to_bytes(2)
    else:
        head = b"\xdd" + count.to_bytes(4)
    return msgspec.Raw(b"".join((head, *items)))


def decode(form: SnapshotForm, data: bytes, state_type: type[StateT]) -> StateT:
    """Return the state that a snapshot holds, whichever readable format it is in.

    Raises ``InputError`` where the bytes are no snapshot of this agent, or one in a format that is
    not read, which it names.
    """
    try:
        envelope = msgspec.msgpack.decode(data, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:  # the latter of damaged text
        return _upgraded(form, 1, _first(form, data, error), state_type)
    if envelope.kind != form.kind:
        raise InputError(f"a snapshot of {envelope.kind!r}, not of {form.kind!r}")
    if not form.oldest <= envelope.format <= form.format:
        raise InputError(
            f"a snapshot of format {envelope.format}, written by skyfence {envelope.skyfence}: "
            f"this skyfence {__version__} reads formats {form.oldest} to {form.format}"
        )
    try:
        if envelope.format == form.format:
            return msgspec.msgpack.decode(envelope.state, type=state_type, dec_hook=_contract)
        plain = msgspec.msgpack.decode(envelope.state)
    except _UNREADABLE as error:
        raise InputError(f"not a snapshot of format {envelope.format}: {error}") from None
    return _upgraded(form, envelope.format, plain, state_type)


def packed_form(
    of: type,
    *,
    without: Collection[str] = (),
    instead: Mapping[str, Any],
    more: Mapping[str, Any] = MappingProxyType({}),
    array_like: bool = False,
) -> Any:
    """Return a msgspec class with a dataclass's fields: some left out, of another type, or more.

    ``array_like``: it is written without its fields' names, in their order, and those that a
    snapshot of an older format lacks at the end have the class's defaults.
    """
    types = get_type_hints(of)
    own = [field for field in fields(of) if field.name not in without]
    return msgspec.defstruct(
        of.__name__,
        [
            (field.name, instead.get(field.name, types[field.name]), _default(field, array_like))
            for field in own
        ]
        + list(more.items()),
        array_like=array_like,
    )


def _default(field: Field[Any], wanted: bool) -> Any:
    """Return a field's default as msgspec takes it; none where it is not ``wanted``."""
    if wanted and field.default is not MISSING:
        return msgspec.field(default=field.default)
    if wanted and field.default_factory is not MISSING:
        return msgspec.field(default_factory=field.default_factory)
    return msgspec.field()


def _first(form: SnapshotForm, data: bytes, error: Exception) -> Any:
    """Return what a snapshot of format 1 holds, as plain data."""
    try:
        return form.read_first(data)
    except _UNREADABLE:
        raise InputError(f"not a snapshot of format {form.format}: {error}") from None


def _upgraded(form: SnapshotForm, version: int, plain: Any, state_type: type[StateT]) -> StateT:
    """Return the state that the plain data of an older format becomes."""
    try:
        for earlier in range(version, form.format):
            plain = form.upgrades[earlier](plain)
        return msgspec.convert(plain, type=state_type, dec_hook=_contract)
    except _UNREADABLE as error:
        raise InputError(f"not a snapshot of format {version}: {error}") from None


def _plain(value: Any) -> Any:
    """Return a contract as its JSON; msgspec asks for whatever it does not know itself."""
    if isinstance(value, Contract):
        return value.to_json()
    raise NotImplementedError(f"{type(value).__name__} has no form in a snapshot")


def _contract(wanted: type, value: Any) -> Any:
    """Return the contract that JSON holds."""
    if issubclass(wanted, Contract):
        return wanted.model_validate_json(value)
    raise NotImplementedError(f"{wanted.__name__} has no form in a snapshot")
