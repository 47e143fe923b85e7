"""``skyfence source NAME``: publishes the reports of any source that is installed.

the component's source ──▶ Publisher ──▶ tracks
"""

import asyncio
from typing import cast

import click

from producers.bad_items import BadItems
from producers.publisher import Publisher
from producers.source import SourceComponent, SourceContext
from skyfence.adapters import health_file
from skyfence.adapters.clock import WallClock
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.cli import bootstrap
from skyfence.cli.component_commands import ComponentGroup, missing_libraries, print_list
from skyfence.cli.local import runtime_file
from skyfence.components.component import ComponentOptions
from skyfence.components.registry import AnyComponent

AnySource = SourceComponent[ComponentOptions]


def run_source(component: AnyComponent, options: ComponentOptions, settings: Settings) -> None:
    """Publish a source's reports until it ends or is told to stop."""
    source, clock = cast(AnySource, component), WallClock()
    bad_items = BadItems(component.name, clock)
    context = SourceContext(settings=settings, clock=clock, bad_items=bad_items)
    run = source.run(options)

    async def attempt(note_open: bootstrap.NoteOpen) -> None:
        async with (
            Publisher(settings, run) as publisher,
            source.open(options, context) as opened,
        ):
            note_open()
            await run_until_first_exit(publisher.publish(opened), _show_health(settings))

    with missing_libraries(component):
        bootstrap.serve(
            settings,
            component.process,
            lambda: bootstrap.keep_open(
                component, attempt, patient=not source.finite, again=not source.finite
            ),
        )


async def _show_health(settings: Settings) -> None:
    """Say that the process is well for as long as its source is open."""
    while True:
        health_file.refresh(settings.health_file)
        await asyncio.sleep(health_file.REFRESH_S)


@click.group(
    cls=ComponentGroup,
    kind="source",
    run=lambda component, options: run_source(
        component, options, runtime_file.reach(load().environment)
    ),
)
@click.pass_context
def source(context: click.Context) -> None:
    """Publish the reports of a source; without a name, list those that are installed.

    They go to the skyfence that `skyfence up` runs here, unless SKYFENCE_… variables name another
    Kafka; SKYFENCE_ENVIRONMENT says whether they are actual. How to write one: docs/components.md.
    """
    if context.invoked_subcommand is None:
        print_list("source")
