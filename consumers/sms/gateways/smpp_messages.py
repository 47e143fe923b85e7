"""The messages of SMPP 3.4: its options, bodies of submit_sm, receipts in deliver_sm.

    Sms ──▶ body of a submit_sm            deliver_sm ──▶ Receipt

Sends nothing and waits for nothing.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import smpp34
import smsutil
import structlog
from pydantic import Field, model_validator

from consumers.outbox.items import ItemState
from consumers.sms.gateways.options import Options, without_numbers
from consumers.sms.gateways.protocol import Receipt, RefusedError, Sms
from consumers.sms.gateways.smpp_session import HEADER

log = structlog.get_logger()

# One SMS, in octets as SMPP has them. What is longer goes as message_payload, whose parts the SMSC
# makes: one message, one id, one receipt.
_GSM_OCTETS, _UCS2_OCTETS = 160, 140
_MOST_CHARACTERS: Final = 1_000
_UCS2: Final = 8
_ALPHANUMERIC, _INTERNATIONAL, _ISDN = 5, 1, 1  # types of number, and a numbering plan
_FINAL_RECEIPT: Final = 1
# Bits of esm_class that say what a deliver_sm is; an SMSC's receipt is 0x04.
_KIND_BITS, _RECEIPT = 0x3C, 0x04

# The states of a receipt, in words (its text) and as numbers (its field message_state).
_STATES: Final = {
    "DELIVRD": ItemState.DELIVERED,
    "EXPIRED": ItemState.FAILED,
    "DELETED": ItemState.FAILED,
    "UNDELIV": ItemState.FAILED,
    "UNKNOWN": ItemState.FAILED,
    "REJECTD": ItemState.FAILED,
}
_WORD_OF_STATE: Final = {
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    7: "UNKNOWN",
    8: "REJECTD",
}
_FIELD: Final = re.compile(r"\b(id|stat|err):\s*([^\s]*)", re.IGNORECASE)
# Behind it a receipt repeats the message's own words, which are no fields. SMSCs write it in
# small letters, with a capital, or with a space.
_WORDS: Final = re.compile(r"\btext\s*:", re.IGNORECASE)

IdForm = Literal["text", "decimal", "hexadecimal"]
Ton = Annotated[int, Field(ge=0, le=6)]
Npi = Annotated[int, Field(ge=0, le=18)]


class SmppOptions(Options):
    """The table ``[smpp]``. ``enquire_s`` and ``answer_s`` are seconds, ``window`` is messages."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)]
    system_id: Annotated[str, Field(pattern=r"^[!-~]{1,15}$")]
    password_file: Path
    system_type: Annotated[str, Field(pattern=r"^[ -~]{0,12}$")] = ""
    tls: bool = False
    ca_file: Path | None = None
    sender: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 ._-]{1,11})$")]
    sender_ton: Ton | None = None
    sender_npi: Npi | None = None
    window: Annotated[int, Field(ge=1, le=100)] = 10
    enquire_s: Annotated[float, Field(gt=0, le=300)] = 30.0
    answer_s: Annotated[float, Field(gt=0, le=300)] = 15.0
    response_id: IdForm = "text"
    receipt_id: IdForm = "text"

    @model_validator(mode="after")
    def _consistent(self) -> "SmppOptions":
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is for tls = true")
        return self


def read_receipt(pdu: Any, form: IdForm) -> Receipt | None:
    """Return the receipt in a deliver_sm (``smpp34.DeliverSm``).

    None for a message that is on its way, and for a phone's reply, which is no receipt. ``form``
    is the form of the identifiers in receipts.
    """
    if pdu.esm_class & _KIND_BITS != _RECEIPT:
        log.info("sms.smpp.answer_ignored", bytes=len(pdu.short_message))
        return None
    tlvs = {tlv.tag: tlv for tlv in pdu.tlvs}
    payload = tlvs.get(smpp34.TLV_MESSAGE_PAYLOAD)
    text = (bytes(payload.value) if payload else bytes(pdu.short_message)).decode("latin-1")
    text_fields = _text_fields(text)
    id_tlv = tlvs.get(smpp34.TLV_RECEIPTED_MESSAGE_ID)
    reference = (id_tlv.as_string() if id_tlv else None) or text_fields.get("id", "")
    state_tlv = tlvs.get(smpp34.TLV_MESSAGE_STATE)
    word = _WORD_OF_STATE.get(state_tlv.as_int() or 0) if state_tlv else None
    word = word or text_fields.get("stat", "").upper()
    state = _STATES.get(word)
    if not reference or state is None:
        log.info("sms.smpp.receipt_ignored", reference=reference, stat=without_numbers(word))
        return None
    reason = (
        without_numbers(f"{word} err:{text_fields.get('err', '')}")
        if state is ItemState.FAILED
        else None
    )
    return Receipt(normalize_id(reference, form), state, reason)


def _text_fields(text: str) -> dict[str, str]:
    """Return the fields of a receipt's text; what stands first counts."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(_WORDS.split(text, maxsplit=1)[0]):
        fields.setdefault(name.lower(), value)
    return fields


def normalize_id(reference: str, form: IdForm) -> str:
    """Return an identifier as decimal digits where it has the form, else in lower case."""
    base = {"decimal": 10, "hexadecimal": 16}.get(form)
    try:
        return str(int(reference, base)) if base else reference.strip().lower()
    except ValueError:
        log.warning(
            "sms.smpp.id_of_another_form", reference=without_numbers(reference), expected=form
        )
        return reference.strip().lower()


def submit_sm(options: SmppOptions, sms: Sms) -> bytes:
    """Return the body of a submit_sm, in the GSM alphabet if the text allows it, else in UCS-2.

    Raises ``RefusedError`` for a text of more than 1,000 characters.
    """
    if len(sms.text) > _MOST_CHARACTERS:
        raise RefusedError(f"text of {len(sms.text)} characters, of {_MOST_CHARACTERS} at most")
    gsm = smsutil.is_valid_gsm(sms.text)
    text = sms.text.encode("gsm0338" if gsm else "utf-16-be")
    long = len(text) > (_GSM_OCTETS if gsm else _UCS2_OCTETS)
    ton, npi = _sender_kind(options)
    pdu = smpp34.SubmitSm(
        options.sender.removeprefix("+"),
        sms.number.removeprefix("+"),
        b"" if long else text,
        source_addr_ton=ton,
        source_addr_npi=npi,
        dest_addr_ton=_INTERNATIONAL,
        dest_addr_npi=_ISDN,
        validity_period=_validity(sms.valid_s),
        registered_delivery=_FINAL_RECEIPT,
        data_coding=0 if gsm else _UCS2,
        tlvs=[smpp34.Tlv(smpp34.TLV_MESSAGE_PAYLOAD, text)] if long else [],
    )
    return bytes(pdu.encode()[HEADER.size :])


def _sender_kind(options: SmppOptions) -> tuple[int, int]:
    """Return the type and plan of the sender's number: as set, or as it looks."""
    ton, npi = 0, _ISDN  # a short code, of which the network knows
    if not options.sender.removeprefix("+").isdigit():
        ton, npi = _ALPHANUMERIC, 0
    elif options.sender.startswith("+"):
        ton, npi = _INTERNATIONAL, _ISDN
    return (
        ton if options.sender_ton is None else options.sender_ton,
        npi if options.sender_npi is None else options.sender_npi,
    )


def _validity(seconds: int | None) -> str:
    """Return a relative validity period: YYMMDDhhmmss, tenths, nn, R."""
    if seconds is None:
        return ""  # the SMSC's own
    minutes, second = divmod(max(1, seconds), 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R"
