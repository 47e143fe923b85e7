"""The description of the Apprise sink: ``skyfence sink apprise``, also ``skyfence apprise run``.

Guarantee: ``consumers.outgoing.apprise`` says it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from consumers.outgoing.apprise import SINK, load
from consumers.outgoing.opening import open_outbox_sink, receivers_file
from consumers.sink import OpenSink, SinkComponent
from skyfence.components.component import ComponentOptions, Context


class AppriseOptions(ComponentOptions):
    """What ``skyfence sink apprise`` takes."""

    file: Annotated[
        Path | None, Field(description="The targets' file (without it, SKYFENCE_APPRISE_FILE's).")
    ] = None


@asynccontextmanager
async def open_apprise(options: AppriseOptions, context: Context) -> AsyncIterator[OpenSink]:
    """Open the outbox of the targets."""
    path = receivers_file(options.file, context.settings.apprise_file, "APPRISE_FILE")
    async with open_outbox_sink(SINK, path, load, context) as opened:
        yield opened


COMPONENT = SinkComponent(
    name=SINK,
    summary="alerts by email, Signal, Matrix, ntfy and what else Apprise knows",
    guarantee="at least once to each target's service, in each chain's order, or a dead letter "
    "after a day; nothing tells a reader that a message came twice",
    options=AppriseOptions,
    open=open_apprise,
    docs="docs/webhooks.md",
    metrics=("skyfence_deliveries", "skyfence_deliveries_waiting", "skyfence_receiver_gone"),
    extra="apprise",
)
