"""A Valkey that demands a user, behind TLS that demands a certificate: who gets in, to do what.

The wheel's Valkey has no TLS of its own, so it listens on a Unix socket behind a TLS terminator.

    client ── TLS ──▶ terminator (this process) ──▶ unix socket ──▶ valkey with ops/valkey/users.acl
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from builders import place_alert
from proc import Processes
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from shipped_redis import password_of, users_file
from talk import entry
from words import ENGLISH

from consumers.channels.functions import install, library
from consumers.channels.sink import RedisChannels
from consumers.desk.commands import CommandService
from consumers.desk.release import ReleaseService
from skyfence.adapters.credentials import redis_options
from skyfence.adapters.files import load_zones
from skyfence.adapters.operator_store import OperatorStore
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings, check
from skyfence.adapters.status_store import read_status
from skyfence.cli.local import embedded
from skyfence.client.feed import AlertFeed, Connected, Received
from skyfence.contracts.alert import AlertMessage, Timeline, status_of
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    CommandOutcome,
    OperatorCommand,
    Release,
)
from skyfence.contracts.report import Report
from skyfence.engine import Engine
from skyfence.errors import SkyfenceError, UnavailableError, UsageError
from skyfence.frames.packing import Packer, play
from skyfence.naming import (
    Audience,
    Channel,
    Environment,
    commands_key,
    operators_channel,
    outcomes_key,
    places_key,
    status_key,
)
from skyfence.operators.accounts import Operator, user_name
from skyfence.operators.public_text import public_alert
from skyfence.policy.policy import Policy

pytestmark = pytest.mark.integration

each_environment = pytest.mark.parametrize("environment", list(Environment))
A_CHANNEL = Channel(Environment.ACTUAL, Audience.OPERATORS, "AA")
A_STATUS = status_key(Environment.ACTUAL)
A_PLACES = places_key(Environment.ACTUAL)
# What nobody of the exercise may do.
ATTEMPTS: dict[str, Callable[[Redis], Any]] = {
    "publish": lambda redis: redis.publish(A_CHANNEL.name, "x"),
    "read a step": lambda redis: redis.get(A_CHANNEL.steps("1")),
    "write a step": lambda redis: redis.set(A_CHANNEL.steps("1"), "9"),
    "read a stream": lambda redis: redis.xread({A_CHANNEL.stream: "0"}),
    "write a stream": lambda redis: redis.xadd(A_CHANNEL.stream, {"message": "x"}),
    "read what is active": lambda redis: redis.hgetall(A_CHANNEL.active),
    "change what is active": lambda redis: redis.hset(A_CHANNEL.active, "a", "b"),
    "change a function": lambda redis: redis.function_load(library()[1], replace=True),
    "read places": lambda redis: redis.hgetall(A_PLACES),
    "write places": lambda redis: redis.hset(A_PLACES, "a", "b"),
    "read the status": lambda redis: redis.hgetall(A_STATUS),
    "write the status": lambda redis: redis.hset(A_STATUS, "a", "b"),
    "read the configuration": lambda redis: redis.config_get("*"),
    "read the users": lambda redis: redis.acl_list(),
    "delete everything": lambda redis: redis.flushall(),
}


@dataclass(frozen=True)
class Secured:
    """A Valkey behind TLS, and the certificates that it knows."""

    port: int
    folder: Path
    environment: Environment = Environment.EXERCISE

    def settings(
        self, role: str, environment: Environment | None = None, **more: object
    ) -> Settings:
        """Return the settings of a role in an environment, its password in a file."""
        environment = environment or self.environment
        user = role if role == "admin" else f"{environment}-{role}"
        secret = self.folder / f"{user}.txt"
        secret.write_text(password_of(user) + "\n")
        given: dict[str, object] = {
            "url": f"rediss://localhost:{self.port}/0",
            "user": user,
            "password_file": secret,
            "ca_file": self.folder / "ca.pem",
            "certificate_file": self.folder / "client.pem",
            "key_file": self.folder / "client.key",
        }
        redis = RedisSettings.model_validate(given | more)
        made = Settings.model_construct(environment=environment, redis=redis)
        check(made)
        return made


def certificates(folder: Path) -> ssl.SSLContext:
    """Write an authority's and a client's certificate; return the server's side of TLS."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger-ca.pem")
    client = authority.issue_cert("client.example")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    return context


@pytest.fixture
def socket_path(processes: Processes, tmp_path: Path) -> Iterator[Path]:
    """Yield the socket of a Valkey that knows the users of ops/valkey/users.acl."""
    with tempfile.TemporaryDirectory() as short:  # a socket's path has 100 characters at most
        path = Path(short) / "valkey"
        processes.start(
            embedded.valkey_binary(), "--port", "0", "--unixsocket", str(path),
            "--aclfile", str(users_file(tmp_path)), "--dir", str(tmp_path),
        )  # fmt: skip
        yield path


@pytest.fixture
async def secured(socket_path: Path, tmp_path: Path) -> AsyncIterator[Secured]:
    """Yield a Valkey that demands TLS, certificates and users."""
    async with terminator(socket_path, certificates(tmp_path)) as port:
        made = Secured(port, tmp_path)
        async with asyncio.timeout(20):
            while not await reaches(made.settings("relay")):
                pass
        admin = await connect(made.settings("admin"))
        assert await install(admin)
        await admin.aclose()
        yield made


async def reaches(settings: Settings) -> bool:
    """Tell whether it is up."""
    try:
        await (await connect(settings)).aclose()
    except UnavailableError:
        return False
    return True


@asynccontextmanager
async def terminator(target: Path, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """Run a TLS server that hands everything on; yield its port."""
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            inner, outer = await asyncio.open_unix_connection(target)
        except OSError:  # not up yet
            writer.close()
            return
        try:
            await asyncio.gather(copied(reader, outer), copied(inner, writer))
        finally:
            outer.close()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on bytes until there are no more."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:  # one side is gone: so is the other
        pass
    writer.close()


def message(zones_file: Path, environment: Environment) -> AlertMessage:
    """Return an alert for the nation AA."""
    engine, packer = Engine(load_zones(zones_file), ENGLISH.operators), Packer("run-1")
    reports = [Report.model_validate(row) for row in entry("T1")]
    frames = [frame for item in play(reports) for frame in packer.add(item)]
    alerts = [alert for frame in frames for alert in engine.process(frame).alerts]
    pattern = next(alert for alert in alerts if alert.place_kind == "nation")
    own = {
        "channel": operators_channel(environment, pattern.place),
        "status": status_of(environment),
    }
    alert = pattern.model_copy(update=own)
    return AlertMessage(alert=alert, timeline=Timeline())


async def refusal(settings: Settings, kind: type[SkyfenceError]) -> str:
    """Return the one line that a connection ends with."""
    with pytest.raises(kind) as caught:
        await connect(settings)
    text = str(caught.value)
    assert "hunter2" not in text
    assert "hunter2" not in repr(settings)
    assert "\n" not in text
    return text


@each_environment
async def test_relay_and_operator_do_their_work(
    secured: Secured, zones_file: Path, environment: Environment
) -> None:
    """Over TLS, a relay's user publishes and an operator's receives, and neither needs more."""
    sent = message(zones_file, environment)
    channel = Channel(environment, Audience.OPERATORS, "AA")
    sink = await RedisChannels.open(secured.settings("relay", environment))
    async with (
        asyncio.timeout(20),
        AlertFeed(secured.settings("operator", environment), [channel]) as feed,
    ):
        heard = aiter(feed)
        assert await anext(heard) == Connected()
        assert await sink.deliver(sent) == 1
        received = await anext(heard)
    await sink.close()
    assert isinstance(received, Received)
    assert isinstance(received.message, OperatorsMessage)
    assert received.message.alert == sent.alert
    redis = await connect(secured.settings("operator", environment))
    assert await read_status(redis, environment) is None
    entries: Any = await redis.xrange(channel.stream)
    assert [fields[b"message"] for _, fields in entries] == [received.message.to_json()]
    await redis.aclose()


@each_environment
async def test_desk_and_administrator_do_their_work(
    secured: Secured, zones_file: Path, environment: Environment
) -> None:
    """Over TLS, an operator made by the administrator's user commands, and the desk's obeys.

    None of the three needs more rights than ops/valkey/users.acl or the operator's rules give.
    """
    sink = await RedisChannels.open(secured.settings("relay", environment))
    nation = message(zones_file, environment).alert
    region = place_alert(place="AA-S", environment=environment, at=nation.time)
    async with (
        connected(secured.settings("admin", environment)) as admin,
        connected(secured.settings("desk", environment)) as own,
    ):
        places = (nation.place, region.place)
        anna = Operator(name="anna", channels=places, may=("close", "release"), created=nation.time)
        secret = await OperatorStore(admin, environment).add(anna)
        public = ReleaseService(
            own, environment, Policy(), {}, texts=ENGLISH.public, now=lambda: nation.time
        )
        desk = CommandService(
            own, environment, public, handed, places=places, name="1", now=lambda: nation.time
        )
        for alert in (nation, region):
            await sink.deliver(AlertMessage(alert=alert, timeline=Timeline()))
            await public.deliver(AlertMessage(alert=alert, timeline=Timeline()))
        as_anna = secured.settings(
            "operator",
            environment,
            user=user_name(environment, "anna"),
            password=SecretStr(secret),
            password_file=None,
        )
        waits = public_alert(region, {}, ENGLISH.public)
        assert waits is not None
        outcomes = [
            await commanded(as_anna, desk, command)
            for command in (
                Acknowledge(incident_id=nation.incident_id, place=nation.place),
                Release(alert_id=waits.alert_id),
                Close(incident_id=nation.incident_id, reason="found"),
            )
        ]
        channel = Channel(environment, Audience.PUBLIC, region.place)
        async with connected(as_anna) as redis:
            assert len(await redis.xrange(channel.stream) or []) == 1
        await OperatorStore(admin, environment).revoke("anna")
        assert "refused user" in await refusal(as_anna, UsageError)
    await sink.close()
    assert [outcome.outcome for outcome in outcomes] == ["done"] * 3, outcomes


async def handed(_: object) -> None:
    """Take an operator's event, as Kafka would."""


async def commanded(
    settings: Settings, desk: CommandService, command: OperatorCommand
) -> CommandOutcome:
    """Command something as anna; return what the desk made of it."""
    async with connected(settings) as redis:
        await redis.xadd(commands_key(settings.environment, "anna"), {"command": command.to_json()})
        async with asyncio.timeout(20):
            while not await desk.process_commands():
                pass
        entries: Any = await redis.xrange(outcomes_key(settings.environment, "anna"))
    return CommandOutcome.model_validate_json(entries[-1][1][b"outcome"])


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Redis]:
    """Yield a connection."""
    redis = await connect(settings)
    try:
        yield redis
    finally:
        await redis.aclose()


async def test_a_relay_that_may_load_no_function_says_who_should(socket_path: Path) -> None:
    """Where the library is missing, whoever may only call it is told what to do."""
    password = SecretStr(password_of("exercise-relay"))
    settings = Settings.model_construct(
        redis=RedisSettings(url=f"unix://{socket_path}", user="exercise-relay", password=password)
    )
    async with asyncio.timeout(20):
        while not await reaches(settings):
            pass
    with pytest.raises(UsageError, match="run `skyfence redis install` as a user who may"):
        await RedisChannels.open(settings)


async def test_a_wrong_password_is_one_line_without_it(secured: Secured) -> None:
    """A wrong password is refused at once, naming the user and never the password."""
    wrong = secured.settings("relay", password_file=None, password=SecretStr("hunter2-wrong"))
    where = f"localhost:{secured.port}/0"
    assert await refusal(wrong, UsageError) == (
        f"redis at {where} refused user exercise-relay: invalid username-password pair or "
        "user is disabled"
    )


async def test_who_gives_no_user_is_refused(secured: Secured) -> None:
    """The default user, which has no password elsewhere, has no access."""
    anonymous = secured.settings("relay", user=None, password_file=None)
    assert "refused user default" in await refusal(anonymous, UsageError)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ca_file": "stranger-ca.pem"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"url": "rediss://127.0.0.1:{port}/0"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"certificate_file": None, "key_file": None}, ""),
    ],
    ids=["another authority", "another host name", "no certificate of one's own"],
)
async def test_certificates_are_checked_on_both_sides(
    secured: Secured, change: dict[str, str | None], reason: str
) -> None:
    """A server of another authority or name is not believed, and it believes no stranger."""
    more: dict[str, Any] = {
        name: secured.folder / value if value and name.endswith("file") else value
        for name, value in change.items()
    }
    if "url" in more:
        more["url"] = str(more["url"]).format(port=secured.port)
    refused = await refusal(secured.settings("relay", **more), UnavailableError)
    assert refused.startswith("redis at ")
    assert reason in refused


@each_environment
async def test_a_relay_of_the_other_world_does_not_start(
    secured: Secured, environment: Environment
) -> None:
    """A relay with the other environment's user is refused at its start, not by its first alert."""
    [other] = set(Environment) - {environment}
    user = secured.settings("relay", other)
    mixed = secured.settings(
        "relay", user=user.redis.user, password_file=user.redis.password_file
    ).model_copy(update={"environment": environment})
    with pytest.raises(UsageError, match=f"redis user {other}-relay may not publish alerts"):
        await RedisChannels.open(mixed)


async def test_an_operator_is_no_relay(secured: Secured) -> None:
    """An operator's user cannot serve as a relay's."""
    with pytest.raises(UsageError, match="this redis user may not publish alerts"):
        await RedisChannels.open(secured.settings("operator"))


async def test_an_exercise_operator_hears_no_actual_alert(secured: Secured) -> None:
    """An exercise user cannot subscribe to an actual channel, nor to any pattern."""
    with pytest.raises(UsageError, match=r"this user may not subscribe to alerts:"):
        await AlertFeed(secured.settings("operator"), [A_CHANNEL]).__aenter__()
    redis = await connect(secured.settings("operator"))
    async with redis.pubsub() as pubsub:
        await pubsub.psubscribe("*")
        with pytest.raises(NoPermissionError):
            await pubsub.get_message(timeout=5)
    await redis.aclose()


@pytest.mark.parametrize("role", ["relay", "monitor", "desk", "operator"])
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
async def test_an_exercise_user_reaches_nothing_actual(
    secured: Secured, role: str, attempt: Callable[[Redis], Any]
) -> None:
    """No user of the exercise publishes, reads or writes what is actual, nor administers."""
    redis = await connect(secured.settings(role))
    with pytest.raises(NoPermissionError):
        await attempt(redis)
    await redis.aclose()


async def test_a_client_does_not_show_its_password(secured: Secured) -> None:
    """What redis-py is given holds the password, and what it says of itself does not."""
    settings = secured.settings("relay")
    assert redis_options(settings)["password"] == password_of("exercise-relay")
    redis = await connect(settings)
    assert "hunter2" not in repr(redis)
    await redis.aclose()
