"""What was acknowledged outlives a kill of Redis, with the users that ops/valkey ships."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from builders import T0, place_alert
from proc import Processes
from shipped_redis import ShippedRedis, programs

from consumers.channels.functions import ChannelFunctions, install
from skyfence.adapters.default_user import check_default_user
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.errors import UsageError
from skyfence.naming import Audience, Channel, Environment, places_key

pytestmark = pytest.mark.integration

CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "AA-S")
KEYS = (CHANNEL.active, places_key(Environment.EXERCISE))


@pytest.fixture(params=programs())
def server(request: pytest.FixtureRequest, processes: Processes, tmp_path: Path) -> ShippedRedis:
    """Return each server that is here, as it is shipped."""
    return ShippedRedis(processes, tmp_path, request.param)


async def kept(server: ShippedRedis) -> list[dict[Any, Any]]:
    """Return what stands on a channel and of places."""
    redis = await server.connect("relay")
    answers: list[dict[Any, Any]] = []
    for key in KEYS:  # of which the relay may not read all at once
        names: Any = await redis.hkeys(key)
        answers.append({name: await redis.hget(key, name) for name in names})
    await redis.aclose()
    return answers


async def publish(server: ShippedRedis) -> None:
    """Publish a place's message by the relay's function."""
    admin, redis = await server.connect("admin"), await server.connect("relay")
    await install(admin)
    alert = place_alert(place="AA-S", environment=Environment.EXERCISE, at=T0)
    message = AlertMessage(alert=alert, timeline=Timeline())
    assert await ChannelFunctions(redis).deliver(CHANNEL, alert, message) == 0
    await admin.aclose()
    await redis.aclose()


def test_what_functions_wrote_outlives_a_kill(server: ShippedRedis) -> None:
    """Redis 7.0 and Valkey 8.1 discard it when the default user may not do it."""
    asyncio.run(publish(server))
    before = asyncio.run(kept(server))
    assert all(before)
    server.restart()
    assert asyncio.run(kept(server)) == before


def test_the_default_user_lets_nobody_in(server: ShippedRedis) -> None:
    """It may do everything, and be nobody: neither without a password nor with any."""
    refusals = {"PING": "-NOAUTH", 'AUTH default ""': "-WRONGPASS", "AUTH default x": "-WRONGPASS"}
    for said, refusal in refusals.items():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(server.socket))
            connection.sendall(said.encode() + b"\r\n")
            assert connection.recv(100).decode().startswith(refusal)


RULES = {
    "off resetpass ~* &* +@all": True,
    "on nopass ~* &* +@all": True,
    "off resetkeys resetchannels -@all": False,
    "off ~* &* +@all -set": False,
    "off ~* &* +@all -@dangerous": False,
    "off resetkeys ~steps:* &* +@all": False,
}


async def test_an_administrator_is_told_of_a_redis_that_discards(server: ShippedRedis) -> None:
    """`skyfence redis install` refuses a default user who may not do all, and names the line."""
    redis = await server.connect("admin")
    for rules, keeps in RULES.items():
        command: Any = ("ACL", "SETUSER", "default", "reset", *rules.split())
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]
        if keeps:
            assert await check_default_user(redis)
            continue
        with pytest.raises(UsageError, match=r"put `user default off resetpass ~\* &\* \+@all`"):
            await check_default_user(redis)
    await redis.aclose()


async def test_who_may_not_read_the_users_is_no_error(server: ShippedRedis) -> None:
    """Users of an earlier release lack the right to look: then it is not known."""
    redis = await server.connect("relay")
    assert not await check_default_user(redis)
    await redis.aclose()
