"""``skyfence sources``: the register of sources, which is the policy's sections of them.

policy file ──▶ list
options ──▶ a section ──▶ checked with the rest ──▶ appended to the policy file
"""

import base64
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table
from rich.text import Text

from skyfence.adapters.files import policy_text, zones_of
from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.settings import PREFIX, load
from skyfence.adapters.signing_keys import VARIABLE, key_file
from skyfence.cli import view
from skyfence.errors import InputError, UsageError
from skyfence.frames.signature import KEY_BYTES
from skyfence.policy.places import unknown_places
from skyfence.policy.reading import parse_policy
from skyfence.policy.source_rules import SourceRules

_BARE_KEY: Final = re.compile("[A-Za-z0-9_-]+")  # of TOML; others are quoted
policy_option = click.option(
    "--policy",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The policy file (without it, SKYFENCE_POLICY's).",
)


@click.group()
def sources() -> None:
    """Whose reports are known: the policy's sources, their limits and keys."""


@sources.command("list")
@policy_option
def list_(file: Path | None) -> None:
    """List the registered sources."""
    text, where = policy_text(file or load().policy)
    policy = parse_policy(text, where)
    if not policy.file.sources:
        click.echo(f"{where} names no source, so every source counts as known")
        return
    table = Table("source", "watches", "silent after", "most tracks", "reports/s", "signs")
    for name, rules in policy.file.sources.items():
        table.add_row(*map(Text, _row(name, rules)))
    view.console().print(table)


def _row(name: str, rules: SourceRules) -> Iterator[str]:
    watches = "all places" if rules.watches is None else ", ".join(rules.watches) or "nothing"
    yield from (name, watches, f"{rules.silent_after_s:g} s", str(rules.most_tracks))
    yield from (f"{rules.most_reports_per_s:g}", "yes" if rules.requires_signature else "no")


@sources.command()
@click.argument("name")
@click.option("--watches", help="The places that it covers, with commas: RO,RO-TL; without: all.")
@click.option("--silent-after", "silent_after_s", type=float, help="Seconds until an alarm.")
@click.option("--most-tracks", type=int, help="More are not judged.")
@click.option(
    "--most-reports", "most_reports_per_s", type=float, help="More a second are not judged."
)
@click.option("--signs", is_flag=True, help="Make a key; judge only what it has signed.")
@policy_option
def add(name: str, watches: str | None, signs: bool, file: Path | None, **limits: Any) -> None:
    """Register source NAME in the policy file.

    Workers and monitors know it when they have been started anew.
    """
    path = file or load().policy
    if path is None:
        raise UsageError(f"{PREFIX}POLICY or --policy: must name the policy file to write to")
    given = {option: value for option, value in limits.items() if value is not None}
    if watches is not None:
        given["watches"] = [place.strip() for place in watches.split(",") if place.strip()]
    if signs:
        given["requires_signature"] = True
    text, where = policy_text(path)
    registered = parse_policy(text, where).file.sources
    if name in registered:
        raise UsageError(f"source {name} is registered in {where} already: change it there")
    new = _with_section(text, where, name, given)
    if signs:
        _make_key(name)
    _replace(path, new)
    click.echo(f"source {name} is registered in {path}; start workers and monitors anew")
    if not registered:
        click.echo(
            "it is the first: register all that you rely on, for from now on the silence of others "
            "is one alarm, to the alliance alone",
            err=True,
        )


def _with_section(text: str, where: str, name: str, rules: dict[str, Any]) -> str:
    """Return a policy's text with a source more; raise ``InputError`` if it is no policy then."""
    key = name if _BARE_KEY.fullmatch(name) else json.dumps(name)
    lines = [f"{rule} = {json.dumps(value)}" for rule, value in rules.items()]  # TOML, too
    new = "\n".join([text.rstrip("\n"), "", f"[sources.{key}]", *lines, ""])
    parse_policy(new, where)
    if "watches" in rules:  # zones take seconds to read
        zones = zones_of(load())
        for finding in unknown_places(new, where, zones.places, zones.names):
            raise InputError(finding)
    return new


def _make_key(name: str) -> None:
    """Make a source's key file, unless there is one."""
    folder = load().signing_keys
    if folder is None:
        raise UsageError(f"{VARIABLE}: must name the folder of the sources' keys")
    path = key_file(folder, name)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise UsageError(f"{VARIABLE}: {path}: {describe_os_error(error)}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
    click.echo(f"its key is in {path}: the source and all workers need it, and nobody else")


def _replace(path: Path, text: str) -> None:
    """Write a file anew in one step, with the rights that it has."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.chmod(target.stat().st_mode)
        new.replace(target)
    except OSError as error:
        raise UsageError(f"{path}: {describe_os_error(error)}") from None
