"""The description of the SMS sink: ``skyfence sink sms``, also ``skyfence sms run``.

Guarantee: ``consumers.sms.sink`` and ``consumers.sms.sender`` say it. What it is made of is
imported when it is opened, because its libraries come with an extra.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from consumers.sink import OpenSink, SinkComponent
from skyfence.adapters.settings import PREFIX
from skyfence.components.component import ComponentOptions, Context
from skyfence.errors import UsageError


class SmsOptions(ComponentOptions):
    """What ``skyfence sink sms`` takes."""

    file: Annotated[
        Path | None, Field(description="The gateway's file (without it, SKYFENCE_SMS_FILE's).")
    ] = None


@asynccontextmanager
async def open_sms(options: SmsOptions, context: Context) -> AsyncIterator[OpenSink]:
    """Open one gateway with its lists and its outbox."""
    from consumers.sms.opening import open_gateway  # noqa: PLC0415 - its libraries are an extra

    path = options.file or context.settings.sms_file
    if path is None:
        raise UsageError(f"{PREFIX}SMS_FILE: is not set, and no FILE is given: which gateway?")
    async with open_gateway(path, context) as opened:
        yield opened


COMPONENT = SinkComponent(
    name="sms",
    summary="alerts to phones through one SMS gateway",
    guarantee="at least once to the gateway; doubles only where its answer was lost, counted",
    options=SmsOptions,
    open=open_sms,
    docs="docs/sms.md",
    metrics=("skyfence_sms", "skyfence_sms_in_doubt", "skyfence_sms_waiting"),
    extra="sms",
)
