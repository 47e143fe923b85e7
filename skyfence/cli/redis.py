"""``skyfence redis``: what an administrator prepares in Redis."""

import asyncio

import click

from consumers.channels.functions import install, library
from skyfence.adapters.default_user import check_default_user
from skyfence.adapters.redis import connect, redis_address
from skyfence.adapters.settings import Settings, load


@click.group()
def redis() -> None:
    """Prepare a Redis whose users have rights of their own."""


@redis.command("install")
def install_() -> None:
    """Load the function library, as a user who may (settings: SKYFENCE_REDIS_…).

    Both environments use it. Where the relay's user may load it, the relay does so by itself.
    A Redis that would discard at a restart what functions wrote is refused.
    """
    settings = load()
    new, is_checked = asyncio.run(_install(settings))
    where, (version, _) = redis_address(settings.redis.url), library()
    click.echo(f"redis at {where} {'now has' if new else 'has'} function library {version}")
    if not is_checked:
        click.echo("whether it keeps what functions write: not known without the right ACL GETUSER")


async def _install(settings: Settings) -> tuple[bool, bool]:
    connection = await connect(settings)
    try:
        is_checked = await check_default_user(connection)
        return await install(connection), is_checked
    finally:
        await connection.aclose()
