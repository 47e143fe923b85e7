"""``skyfence health``: for health checks of containers."""

import click

from skyfence.adapters import health_file as signs
from skyfence.adapters.settings import load


@click.command()
def health() -> None:
    """Exit 0 if the process that writes SKYFENCE_HEALTH_FILE is well."""
    click.echo(f"healthy {signs.check(load().health_file):.1f} s ago")
