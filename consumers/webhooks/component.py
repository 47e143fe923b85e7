"""The description of the webhook sink: ``skyfence sink webhooks``, also ``skyfence webhooks run``.

Guarantee: ``consumers.webhooks.endpoint`` says it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from consumers.outgoing.opening import open_outbox_sink, receivers_file
from consumers.outgoing.reloading import LoadedReceivers
from consumers.sink import OpenSink, SinkComponent
from consumers.webhooks.endpoint import SINK, load
from consumers.webhooks.http_post import open_session
from skyfence.components.component import ComponentOptions, Context
from skyfence.naming import Environment


class WebhookOptions(ComponentOptions):
    """What ``skyfence sink webhooks`` takes."""

    file: Annotated[
        Path | None,
        Field(description="The endpoints' file (without it, SKYFENCE_WEBHOOKS_FILE's)."),
    ] = None


@asynccontextmanager
async def open_webhooks(options: WebhookOptions, context: Context) -> AsyncIterator[OpenSink]:
    """Open the outbox of the endpoints and one HTTP client for all of them."""
    path = receivers_file(options.file, context.settings.webhooks_file, "WEBHOOKS_FILE")
    async with open_session() as session:

        async def load_with_session(path: Path, environment: Environment) -> LoadedReceivers:
            return await load(path, environment, session)

        async with open_outbox_sink(SINK, path, load_with_session, context) as opened:
            yield opened


COMPONENT = SinkComponent(
    name=SINK,
    summary="alerts to HTTP endpoints, as signed CloudEvents",
    guarantee="at least once to each endpoint, in each chain's order, or a dead letter after a day",
    options=WebhookOptions,
    open=open_webhooks,
    docs="docs/webhooks.md",
    metrics=("skyfence_deliveries", "skyfence_deliveries_waiting", "skyfence_receiver_gone"),
)
