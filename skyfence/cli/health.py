"""``skyfence health``: for health checks of containers."""

import click

from skyfence.adapters import health_file
from skyfence.adapters.settings import load


@click.command()
def health() -> None:
    """Exit 0 if the process that writes SKYFENCE_HEALTH_FILE is well."""
    click.echo(f"healthy {health_file.check(load().health_file):.1f} s ago")
