"""The webhook sink: each alert as a signed CloudEvent to every endpoint that wants it.

Guarantee: at least once to each endpoint, in the order of each chain, or a dead letter with its
reason after a day. An attempt that was broken off, by us or on the way, is made again with the same
``webhook-id``, by which a receiver knows a double. What was accepted is what a 2xx answered.

    file ──▶ Endpoint: url, secrets, authority
    alert ──▶ CloudEvent 1.0 ──▶ outbox ──▶ Standard Webhooks headers ──▶ POST (``http_post``)

Two secrets sign at once, so that a receiver can change from one to the other. The file is read
anew when it or a file that it names changes.
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

import aiohttp
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from consumers.expiry import message_expires_ms
from consumers.outbox.items import Entry
from consumers.outgoing.dispatcher import DeliveryOutcome, Payload
from consumers.outgoing.receivers import (
    FileName,
    ReceiverOptions,
    ReceiversFile,
    once,
    read,
)
from consumers.outgoing.reloading import LoadedReceivers
from consumers.webhooks.cloud_event import CONTENT_TYPE, CloudEvent, cloud_event, default_source
from consumers.webhooks.http_post import forbidden, post
from consumers.webhooks.signature import parse_secret, signed_headers
from skyfence.adapters.credentials import read_secret, tls_context
from skyfence.adapters.hosts import is_loopback
from skyfence.contracts.alert import AlertMessage, AnyAlert, FeedAlarm
from skyfence.errors import InputError
from skyfence.naming import Environment
from skyfence.times import MS_PER_S

SINK: Final = "webhooks"
_PORTS: Final = range(1, 65_536)


def _safe(url: str) -> str:
    """Check an endpoint's URL: what travels is signed, and must not be read on the way either."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or port not in (None, *_PORTS):
        raise ValueError("must be https://host[:port]/path")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("http is for loopback only, others need https")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must hold no user, password or fragment")
    reason = forbidden(host)
    if reason is not None:
        raise ValueError(f"leads to {reason}")
    return url


class EndpointOptions(ReceiverOptions):
    """An endpoint as the file writes it; the newer of two secrets stands first."""

    url: Annotated[str, StringConstraints(max_length=2_048), AfterValidator(_safe)]
    secret_files: Annotated[tuple[FileName, ...], Field(min_length=1, max_length=2)]
    ca_file: FileName | None = None  # without one: the authorities that the system trusts
    window: Annotated[int, Field(strict=True, ge=1, le=64)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=120, allow_inf_nan=False)] = 15.0


class WebhooksFile(ReceiversFile):
    """A file of webhooks; ``source`` is what CloudEvents calls so, ours without one."""

    source: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")] | None = None
    endpoint: Annotated[tuple[EndpointOptions, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        once(options.name for options in self.endpoint)
        return self


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, ready to be sent to; implements ``dispatcher.Receiver``."""

    options: EndpointOptions
    source: str
    environment: Environment
    secrets: tuple[bytes, ...]
    tls: ssl.SSLContext | bool
    session: aiohttp.ClientSession

    def wants(self, alert: AnyAlert, told: str | None) -> bool:
        """Tell whether its file names the alert's event and place, quiet or not."""
        del told  # a machine is given every step
        return self.options.wants(alert)

    def payload(self, message: AlertMessage, now_ms: int) -> Payload:
        """Return the event: the same bytes at each attempt, because they are stored."""
        body = cloud_event(message, self.source).to_json().decode()
        alert = message.alert
        if isinstance(alert, FeedAlarm) and alert.message_type == "Alert":
            return Payload(body, message_expires_ms(message, self.environment, now_ms))
        return Payload(body)  # a machine may judge for itself what an old alert is worth

    def ends(self, body: str) -> bool:
        """Tell whether an event's alert ends its chain."""
        return CloudEvent.model_validate_json(body).data.alert.message_type == "Cancel"

    async def send(self, entry: Entry, now_ms: int) -> DeliveryOutcome:
        """Sign as of now, and post."""
        body = entry.body.encode()
        _, _, alert_id = entry.key.rpartition("/")
        headers = signed_headers(alert_id, now_ms // MS_PER_S, body, self.secrets)
        return await post(
            self.session,
            self.options.url,
            body,
            {"content-type": CONTENT_TYPE} | headers,
            tls=self.tls,
            timeout_s=self.options.timeout_s,
        )


async def load(
    path: Path, environment: Environment, session: aiohttp.ClientSession
) -> LoadedReceivers:
    """Read a file of webhooks and all that it names; raise an error naming what is wrong."""
    return await asyncio.to_thread(_load, path, environment, session)


def _load(path: Path, environment: Environment, session: aiohttp.ClientSession) -> LoadedReceivers:
    file = read(path, WebhooksFile, environment)
    folder = path.parent
    source = file.source or default_source(environment)
    named = [
        folder / name
        for options in file.endpoint
        for name in (*options.secret_files, options.ca_file)
        if name
    ]
    return LoadedReceivers(
        outbox=folder / file.outbox,
        receivers=tuple(
            Endpoint(
                options=options,
                source=source,
                environment=environment,
                secrets=tuple(_secret(folder / name) for name in options.secret_files),
                tls=True if options.ca_file is None else tls_context(folder / options.ca_file),
                session=session,
            )
            for options in file.endpoint
        ),
        files=(path, *named),
    )


def _secret(path: Path) -> bytes:
    try:
        return parse_secret(read_secret(path).strip())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
