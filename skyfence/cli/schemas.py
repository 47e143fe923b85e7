"""``skyfence schemas``: write the contracts' JSON Schemas."""

import json
from pathlib import Path

import click

from skyfence.cli.schema_catalog import CONTRACTS, schema_of


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def schemas(folder: Path) -> None:
    """Write the JSON Schemas of all contracts to FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CONTRACTS:
        text = json.dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.schema.json").write_text(text, encoding="utf-8")
        click.echo(folder / f"{name}.schema.json")
