"""``skyfence health``: for health checks of containers."""

import click

from skyfence.adapters import health_file
from skyfence.adapters.settings import load


@click.command()
@click.option(
    "--kill-after",
    type=click.FloatRange(min=health_file.STALE_S),
    metavar="SECONDS",
    help="Kill the process if it was not well for so long; whoever runs it starts it anew.",
)
def health(kill_after: float | None) -> None:
    """Exit 0 if the process that writes SKYFENCE_HEALTH_FILE is well."""
    path = load().health_file
    if kill_after is not None and health_file.kill_if_stale(path, kill_after):
        click.echo(f"killed: no sign of health for {kill_after:g} s", err=True)
    click.echo(f"healthy {health_file.check(path):.1f} s ago")
