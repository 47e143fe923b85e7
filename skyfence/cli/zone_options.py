"""The option ``--add-zones``, for commands that load zones: short for ``SKYFENCE_ADD_ZONES``."""

from pathlib import Path

import click

from skyfence.adapters import settings


def _add(ctx: click.Context, param: click.Parameter, files: tuple[Path, ...]) -> None:
    del param
    if files:
        ctx.call_on_close(settings.add_zones([file.absolute() for file in files]))


add_zones_option = click.option(
    "--add-zones",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    expose_value=False,
    callback=_add,
    help="Zones on top of the others; may be repeated.",
)
