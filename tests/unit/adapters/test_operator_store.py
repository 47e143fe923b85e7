"""Operators' users in a real Valkey: what each may do, and everything it may not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from builders import T0
from proc import Processes
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Cut
from redis.exceptions import NoPermissionError
from redis_server import Server

from consumers.channels.sink import RedisChannels
from skyfence.adapters.operator_store import OperatorStore
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.cli.local import embedded
from skyfence.client.feed import AlertFeed
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Audience, Channel, Environment
from skyfence.operators.accounts import Operator, user_name

EXERCISE = Environment.EXERCISE
ANNA = Operator(name="anna", channels=("RO-TL", "RO"), may=("close",), created=T0)
OWN = Channel(EXERCISE, Audience.OPERATORS, "RO-TL")
FOREIGN = Channel(EXERCISE, Audience.OPERATORS, "RO-CT")
ACTUAL = Channel(Environment.ACTUAL, Audience.OPERATORS, "RO-TL")
DENIED: dict[str, Callable[[Redis], Any]] = {
    "publish": lambda r: r.publish(OWN.name, "x"),
    "publish a heartbeat": lambda r: r.publish("exercise:heartbeat", "x"),
    "write the own stream": lambda r: r.xadd(OWN.stream, {"message": "x"}),
    "write what is active": lambda r: r.hset(OWN.active, "a", "b"),
    "delete what is active": lambda r: r.hdel(OWN.active, "a"),
    "delete the stream": lambda r: r.delete(OWN.stream),
    "trim the stream": lambda r: r.xtrim(OWN.stream, maxlen=0),
    "read a foreign stream": lambda r: r.xrange(FOREIGN.stream),
    "wait for a foreign stream": lambda r: r.xread({FOREIGN.stream: "0"}),
    "read what is active elsewhere": lambda r: r.hgetall(FOREIGN.active),
    "read the actual stream": lambda r: r.xrange(ACTUAL.stream),
    "read the operators": lambda r: r.hgetall("exercise:operators"),
    "read what is held": lambda r: r.hgetall("exercise:held"),
    "read the decisions": lambda r: r.xrange("exercise:decisions"),
    "command as another": lambda r: r.xadd("exercise:commands:bob", {"command": "x"}),
    "command in the actual world": lambda r: r.xadd("commands:anna", {"command": "x"}),
    "read another's commands": lambda r: r.xrange("exercise:commands:bob"),
    "read what was commanded": lambda r: r.xrange("exercise:commands:anna"),
    "read another's outcomes": lambda r: r.xrange("exercise:outcomes:bob"),
    "write an outcome": lambda r: r.xadd("exercise:outcomes:anna", {"outcome": "x"}),
    "call a function": lambda r: r.fcall("skyfence_note", 1, OWN.stream, OWN.name, 1, "{}"),
    "load a function": lambda r: r.function_load("#!lua name=x\n"),
    "run a script": lambda r: r.eval("return 1", 0),
    "list keys": lambda r: r.keys("*"),
    "scan keys": lambda r: r.scan(),
    "read the configuration": lambda r: r.config_get("*"),
    "read the users": lambda r: r.acl_list(),
    "make a user": lambda r: r.acl_setuser("mallory", enabled=True, nopass=True),
    "list connections": lambda r: r.client_list(),
    "kill connections": lambda r: r.client_kill_filter(_type="pubsub"),
    "watch all commands": lambda r: cast("Any", r).execute_command("MONITOR"),
    "delete everything": lambda r: r.flushall(),
    "stop the server": lambda r: r.shutdown(),
    "save": lambda r: r.save(),
    "replicate": lambda r: r.replicaof("127.0.0.1", 1),
}


def as_operator(server: Server, secret: str, name: str = "anna") -> Settings:
    """Return settings of an operator's user."""
    user, password = user_name(EXERCISE, name), SecretStr(secret)
    return server.settings.changed(redis={"user": user, "password": password})


@pytest.fixture
def store(redis: Redis) -> OperatorStore:
    """Return the administrator's side."""
    return OperatorStore(redis, EXERCISE)


@pytest.fixture
async def anna(server: Server, store: OperatorStore) -> AsyncIterator[Redis]:
    """Yield a connection as the operator anna."""
    await (await RedisChannels.open(server.settings)).close()
    redis = await connect(as_operator(server, await store.add(ANNA)))
    yield redis
    await redis.aclose()


@pytest.mark.parametrize("attempt", DENIED.values(), ids=DENIED)
async def test_all_else_is_denied(anna: Redis, attempt: Callable[[Redis], Any]) -> None:
    """An operator's user does nothing but read the own channels and write the own commands."""
    with pytest.raises(NoPermissionError):
        await attempt(anna)


@pytest.mark.parametrize("name", [FOREIGN.name, ACTUAL.name, "exercise:alerts:NATO"])
async def test_no_foreign_channel(anna: Redis, name: str) -> None:
    """A channel that is not the operator's cannot be subscribed to."""
    async with anna.pubsub() as pubsub:
        await pubsub.subscribe(name)
        with pytest.raises(NoPermissionError):
            await pubsub.get_message(timeout=5)


@pytest.mark.parametrize("pattern", ["*", "exercise:alerts:*", OWN.name])
async def test_no_pattern(anna: Redis, pattern: str) -> None:
    """No pattern can be subscribed to, not even one that matches the own channel alone."""
    async with anna.pubsub() as pubsub:
        await pubsub.psubscribe(pattern)
        with pytest.raises(NoPermissionError):
            await pubsub.get_message(timeout=5)


async def test_what_an_operator_needs_is_there(anna: Redis, server: Server) -> None:
    """The own channels, public texts, heartbeat, stream, and commands are."""
    del server
    async with anna.pubsub() as pubsub:
        await pubsub.subscribe(OWN.name, "exercise:heartbeat", "exercise:public:RO-TL")
        for _ in range(3):
            assert (await pubsub.get_message(timeout=5) or {})["type"] == "subscribe"
    assert await anna.xrange(OWN.stream) == []
    assert await anna.hgetall(OWN.active) == {}
    assert await anna.xadd("exercise:commands:anna", {"command": "{}"})
    assert await anna.xread({"exercise:outcomes:anna": "0"}) == []


async def test_a_feed_of_the_own_channels(server: Server, store: OperatorStore) -> None:
    """The client works with an operator's rights, and says at once what is not the operator's."""
    settings = as_operator(server, await store.add(ANNA))
    async with AlertFeed(settings, [OWN]):
        pass
    with pytest.raises(UsageError, match="may not subscribe"):
        await AlertFeed(settings, [FOREIGN]).__aenter__()


async def test_revoked_is_cut_at_once(anna: Redis, store: OperatorStore, server: Server) -> None:
    """A live connection ends with the user, and there is no way back."""
    async with anna.pubsub() as pubsub:
        await pubsub.subscribe(OWN.name)
        await pubsub.get_message(timeout=5)
        await store.revoke("anna")
        with pytest.raises((Cut, OSError)):
            await pubsub.get_message(timeout=5)
    assert await store.all() == {}
    with pytest.raises(UsageError, match="refused user exercise:operator:anna"):
        await connect(as_operator(server, "x"))


async def test_a_rotated_secret_replaces_the_old_one(server: Server, store: OperatorStore) -> None:
    """The old secret is refused, the new one is not, and what may be done stays the same."""
    old = await store.add(ANNA)
    new = await store.rotate("anna")
    with pytest.raises(UsageError, match="refused user"):
        await connect(as_operator(server, old))
    redis = await connect(as_operator(server, new))
    assert await redis.xrange(OWN.stream) == []
    with pytest.raises(NoPermissionError):
        await redis.xrange(FOREIGN.stream)
    await redis.aclose()


async def test_rotating_makes_a_lost_user_anew(
    server: Server, store: OperatorStore, redis: Redis
) -> None:
    """Where the record is left and the user is gone, a new secret brings the same rights back."""
    await store.add(ANNA)
    before = await redis.acl_getuser("exercise:operator:anna")
    await redis.acl_deluser("exercise:operator:anna")
    await (await connect(as_operator(server, await store.rotate("anna")))).aclose()
    after = await redis.acl_getuser("exercise:operator:anna")
    assert before is not None
    assert after is not None
    assert {**before, "passwords": []} == {**after, "passwords": []}


async def test_without_an_aclfile_there_are_no_operators(processes: Processes) -> None:
    """A server that would forget users is refused with the reason, and nothing is left there."""
    port = embedded.free_port()
    processes.start(embedded.valkey_binary(), "--port", str(port), "--bind", embedded.HOST)
    settings = Settings.model_construct(
        redis=RedisSettings(url=f"redis://{embedded.HOST}:{port}/0")
    )
    async with asyncio.timeout(20):
        while not await answers(settings):
            pass
    redis = await connect(settings)
    with pytest.raises(UsageError, match="this redis has no aclfile"):
        await OperatorStore(redis, EXERCISE).add(ANNA)
    assert await redis.acl_users() == ["default"]
    assert await redis.keys("*") == []
    await redis.aclose()


async def answers(settings: Settings) -> bool:
    """Tell whether a server is up."""
    try:
        await (await connect(settings)).aclose()
    except UnavailableError:
        return False
    return True


async def test_operators_survive_a_restart(server: Server, store: OperatorStore) -> None:
    """Users and records are there again after the server was killed; revoked ones are not."""
    secret = await store.add(ANNA)
    await store.add(ANNA.model_copy(update={"name": "bob"}))
    await store.revoke("bob")
    await asyncio.to_thread(server.restart)
    redis = await connect(as_operator(server, secret))
    assert await redis.xrange(OWN.stream) == []
    await redis.aclose()
    admin = await connect(server.settings)
    assert set(await OperatorStore(admin, EXERCISE).all()) == {"anna"}
    await admin.aclose()


async def test_no_secret_is_kept(redis: Redis, store: OperatorStore) -> None:
    """Neither the record nor the server's list of users holds what was printed."""
    secret = await store.add(ANNA)
    kept = [*(await redis.acl_list()), repr(await redis.hgetall("exercise:operators"))]
    assert not any(secret in str(line) for line in kept)


async def test_one_name_is_one_operator(store: OperatorStore) -> None:
    """A second operator of a name is refused, and one that is not there cannot be ended."""
    await store.add(ANNA)
    with pytest.raises(UsageError, match="operator anna exists"):
        await store.add(ANNA)
    with pytest.raises(UsageError, match="no operator 'bob': there are anna"):
        await store.revoke("bob")
