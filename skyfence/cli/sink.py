"""``skyfence sink NAME``: carries alerts from Kafka to any sink that is installed.

alerts ──▶ Relay ──▶ the component's sink, with what runs beside it
"""

from collections.abc import Callable, Coroutine
from typing import Any, cast

import click

from consumers.relay import Relay
from consumers.sink import OpenSink, SinkComponent
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.cli import bootstrap
from skyfence.cli.component_commands import ComponentGroup, missing_libraries, print_list
from skyfence.components.component import ComponentOptions, Context
from skyfence.components.registry import AnyComponent

AnySink = SinkComponent[ComponentOptions]


def run_sink(component: AnyComponent, options: ComponentOptions, settings: Settings) -> None:
    """Carry alerts to a sink until told to stop."""
    sink = cast(AnySink, component)
    context, reached = Context(settings=settings), False

    async def attempt(note_open: bootstrap.NoteOpen) -> None:
        nonlocal reached
        async with sink.open(options, context) as opened:
            if not reached:
                await bootstrap.reach_kafka(settings, patient=True)
                reached = True
            note_open()
            await run_opened(settings, opened)

    with missing_libraries(component):
        bootstrap.serve(
            settings,
            component.process,
            lambda: bootstrap.keep_open(component, attempt, patient=False),
            checks_first=True,
        )


async def run_opened(settings: Settings, opened: OpenSink) -> None:
    """Run a sink's relay and, once that has handed over what stands, the sink's background."""
    relay = Relay(settings, opened)

    async def background(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await relay.has_begun.wait()
        await run()

    beside = [] if opened.background is None else [background(opened.background)]
    await run_until_first_exit(relay.run(), *beside)


@click.group(
    cls=ComponentGroup,
    kind="sink",
    run=lambda component, options: run_sink(component, options, load()),
)
@click.pass_context
def sink(context: click.Context) -> None:
    """Carry alerts from Kafka to a sink; without a name, list those that are installed.

    Settings: SKYFENCE_… variables (docs/deployment.md). How to write one: docs/components.md.
    """
    if context.invoked_subcommand is None:
        print_list("sink")
