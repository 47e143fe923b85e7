"""``skyfence redis``: what an administrator prepares in Redis."""

import asyncio

import click

from consumers.channels.functions import install, library
from skyfence.adapters.redis import connect, redis_address
from skyfence.adapters.settings import Settings, load


@click.group()
def redis() -> None:
    """Prepare a Redis whose users have rights of their own."""


@redis.command("install")
def install_() -> None:
    """Load the function library, as a user who may (settings: SKYFENCE_REDIS_…).

    Both environments use it. Where the relay's user may load it, the relay does so by itself.
    """
    settings = load()
    new = asyncio.run(_install(settings))
    where, (version, _) = redis_address(settings.redis.url), library()
    click.echo(f"redis at {where} {'now has' if new else 'has'} function library {version}")


async def _install(settings: Settings) -> bool:
    connection = await connect(settings)
    try:
        return await install(connection)
    finally:
        await connection.aclose()
