"""``skyfence operators``: who may watch which channels. For an administrator's Redis user."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args

import click
from pydantic import ValidationError
from rich.table import Table

from skyfence.adapters.files import member_places
from skyfence.adapters.operator_store import OperatorStore
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.cli import view
from skyfence.cli.local import runtime_file
from skyfence.cli.places import check_places
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UsageError
from skyfence.naming import ALLIANCE, Environment
from skyfence.operators.accounts import Operator, Right, user_name
from skyfence.times import format_time, from_ms

T = TypeVar("T")
exercise_option = click.option(
    "--exercise", is_flag=True, help="Of exercises instead of the actual world."
)


@click.group()
def operators() -> None:
    """Make, list, change and end the users of those who stand watch."""


@operators.command()
@click.argument("name")
@click.option("--channels", required=True, help="Places, with commas: RO-TL,RO-CT")
@click.option(
    "--may",
    multiple=True,
    type=click.Choice(get_args(Right)),
    help="Close or dismiss incidents; join or separate them; release or withdraw public messages.",
)
@exercise_option
def add(name: str, channels: str, may: tuple[Right, ...], exercise: bool) -> None:
    """Make operator NAME, and print the secret, once."""
    settings = _settings(exercise)
    places = [place.strip() for place in channels.split(",") if place.strip()]
    check_places(places, member_places(settings), f"a nation or {ALLIANCE}")
    created = from_ms(round(time.time() * 1000))
    try:
        operator = Operator(name=name, channels=tuple(places), may=may, created=created)
    except ValidationError as error:
        raise UsageError(f"operator {name!r}: {describe_validation_error(error)}") from None
    secret = _with_store(settings, lambda store: store.add(operator))
    _tell_secret(settings, name, secret)


@operators.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@exercise_option
def list_(as_json: bool, exercise: bool) -> None:
    """List the operators."""
    accounts = _with_store(_settings(exercise), lambda store: store.all())
    if as_json:
        for account in accounts.values():
            click.echo(account.to_json())
        return
    table = Table("name", "channels", "may also", "since")
    for name in sorted(accounts):
        account = accounts[name]
        created = format_time(account.created)[:19].replace("T", " ")
        table.add_row(name, ", ".join(account.channels), ", ".join(account.may), created)
    view.console().print(table)


@operators.command()
@click.argument("name")
@exercise_option
def revoke(name: str, exercise: bool) -> None:
    """End operator NAME; a live connection is cut."""
    _with_store(_settings(exercise), lambda store: store.revoke(name))
    click.echo(f"operator {name} is no more")


@operators.command()
@click.argument("name")
@exercise_option
def rotate(name: str, exercise: bool) -> None:
    """Give operator NAME a new secret, and print it, once; a live connection is cut."""
    settings = _settings(exercise)
    _tell_secret(settings, name, _with_store(settings, lambda store: store.rotate(name)))


def _settings(exercise: bool) -> Settings:
    return runtime_file.reach(Environment.EXERCISE if exercise else Environment.ACTUAL)


def _with_store(settings: Settings, use: Callable[[OperatorStore], Awaitable[T]]) -> T:
    async def used() -> T:
        redis = await connect(settings)
        try:
            return await use(OperatorStore(redis, settings.environment))
        finally:
            await redis.aclose()

    return asyncio.run(used())


def _tell_secret(settings: Settings, name: str, secret: Any) -> None:
    """Show a secret where it was asked for: how else would anybody learn it."""
    click.echo(f"SKYFENCE_REDIS_USER={user_name(settings.environment, name)}")
    click.echo(f"SKYFENCE_REDIS_PASSWORD={secret}")
    click.echo("the password is kept nowhere and not shown again", err=True)
