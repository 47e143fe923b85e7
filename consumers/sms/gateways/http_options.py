"""The template of a gateway with an HTTP interface, as its options describe it.

    url = "https://sms.example/messages"
    json = { to = "{number}", body = "{text}" }
    answer = { id = "message.id" }

Checks what can be checked before the first message; docs/sms-gateways.md has examples.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, field_validator, model_validator

from consumers.sms.gateways.options import Options
from consumers.sms.gateways.receipt_endpoint import ReceiptOptions
from skyfence.adapters.hosts import is_loopback

# Braces around a name; any other brace stands for itself.
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_KNOWN: Final = {"number", "digits", "text", "key", "valid_s", "receipt_url"}
# A header takes no text of people: it cannot hold every character.
_IN_HEADERS: Final = _KNOWN - {"text"}

Statuses = frozenset[Annotated[int, Field(ge=100, le=599)]]
# A value as JSON or a form has it: 0 and "0" are the same.
Values = frozenset[Annotated[str, Field(coerce_numbers_to_str=True)]]


class Auth(Options):
    """Our credentials: a bearer token, or user and password, each in a file of its own."""

    bearer_file: Path | None = None
    username_file: Path | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _either_form(self) -> "Auth":
        basic = (self.username_file is not None, self.password_file is not None)
        if basic not in {(True, True), (False, False)} or any(basic) == bool(self.bearer_file):
            raise ValueError("needs bearer_file, or username_file and password_file")
        return self


def _pattern(value: str) -> re.Pattern[str]:
    try:
        return re.compile(value, re.IGNORECASE | re.MULTILINE)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


# Searched for in an answer of plain text, in any of its lines, in small letters and capitals.
TextPattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]


class AnswerOptions(Options):
    """What the gateway's answers mean.

    ``id`` and ``state`` are paths like ``messages.0.id`` in JSON. An answer of plain text is known
    by patterns; a group ``id`` in ``accepted_text`` is the message's identifier.
    """

    accepted: Statuses = frozenset({200, 201, 202})
    throttled: Statuses = frozenset({429, 503})
    refused: Statuses = frozenset({400, 422})
    id: str | None = None
    state: str | None = None
    accepted_states: Values = frozenset()
    throttled_states: Values = frozenset()
    refused_states: Values = frozenset()
    accepted_text: TextPattern | None = None
    throttled_text: TextPattern | None = None
    refused_text: TextPattern | None = None

    @property
    def names_message(self) -> bool:
        """Tell whether an answer holds the message's identifier."""
        text = self.accepted_text
        return self.id is not None or (text is not None and "id" in text.groupindex)

    @model_validator(mode="after")
    def _text_whole(self) -> "AnswerOptions":
        texts = (self.accepted_text, self.throttled_text, self.refused_text)
        if any(texts) and (self.id or self.state):
            raise ValueError("id and state are of JSON, patterns of plain text: not both")
        if any(texts) and self.accepted_text is None:
            raise ValueError("throttled_text and refused_text need accepted_text")
        return self

    @model_validator(mode="after")
    def _whole(self) -> "AnswerOptions":
        states = (*self.accepted_states, *self.throttled_states, *self.refused_states)
        if (self.state is None) != (not states) or (self.state and not self.accepted_states):
            raise ValueError("state and accepted_states go together")
        return self


class FieldOptions(ReceiptOptions):
    """How receipts look. Without ``reference`` it is our own, in ``{receipt_url}``."""

    reference: str | None = None
    state: str
    delivered: Annotated[Values, Field(min_length=1)]
    failed: Annotated[Values, Field(min_length=1)]
    reason: str | None = None


class HttpOptions(Options):
    """The table of a gateway with an HTTP interface."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: Annotated[dict[str, str], Field(default_factory=dict)]
    form: dict[str, str] | None = None
    # pydantic's models have a method called json
    body_json: Annotated[dict[str, Any] | None, Field(alias="json")] = None
    auth: Auth | None = None
    answer: AnswerOptions = AnswerOptions()
    receipts: FieldOptions | None = None
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 15.0

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be https://HOST/…")
        if parts.username or parts.password:
            raise ValueError("must not hold a user or password: auth")
        if PLACEHOLDER.search(parts.netloc):
            raise ValueError("must not have a placeholder in its host")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https, unless the gateway is on this machine")
        return url

    @model_validator(mode="after")
    def _whole(self) -> "HttpOptions":
        if self.form is not None and self.body_json is not None:
            raise ValueError("form or json, not both")
        used = [*_names(self.url), *_names(self.form), *_names(self.body_json)]
        in_headers = list(_names(self.headers))
        for name in (*used, *in_headers):
            if name not in _KNOWN:
                raise ValueError(f"placeholder {{{name}}} is not known")
        for name in in_headers:
            if name not in _IN_HEADERS:
                raise ValueError(f"placeholder {{{name}}} cannot stand in a header")
        if "text" not in used or not {"number", "digits"} & {*used, *in_headers}:
            raise ValueError("{text} and {number} (or {digits}) must stand somewhere")
        _check_receipts(self, {*used, *in_headers})
        return self


def host_of(url: str) -> str:
    """Return host and port of a URL, which may be shown."""
    return urlsplit(url).netloc


def _check_receipts(options: HttpOptions, used: set[str]) -> None:
    if "receipt_url" in used and options.receipts is None:
        raise ValueError("{receipt_url} needs receipts")
    if options.receipts is None:
        return
    if options.receipts.reference is None and "receipt_url" not in used:
        raise ValueError("receipts need reference, or {receipt_url} in the request")
    if options.receipts.reference is not None and not options.answer.names_message:
        raise ValueError(
            "receipts.reference needs answer.id, or a group id in answer.accepted_text: "
            "it is compared with it"
        )


def _names(template: Any) -> Iterator[str]:
    """Yield the placeholders in a template, however deep."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif isinstance(template, dict):
        for value in template.values():
            yield from _names(value)
    elif isinstance(template, list):
        for value in template:
            yield from _names(value)
