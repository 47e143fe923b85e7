"""Kafka that asks for names: the pipeline with the rights of its roles, and who is turned away."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import secured
from aiokafka import AIOKafkaProducer
from aiokafka.conn import create_conn
from aiokafka.errors import NoError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.fetch import FetchRequest
from apache import settings_of
from groups import until_shared
from proc import Processes
from secured import Secured
from talk import LONGEST_S, Subscriber, drained, golden

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.files import default_file
from skyfence.adapters.kafka import producer
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.demo import RECORDINGS
from skyfence.contracts.alert import Alert
from skyfence.errors import UsageError
from skyfence.naming import Environment

USAGE_ERROR = 2
FETCH_BYTES = 1_000_000


@pytest.fixture(scope="module", params=["SASL_SSL", "SSL"])
def broker(request: Any, tmp_path_factory: Any) -> Iterator[Secured]:
    """Yield a broker that asks for a password, then one that asks for a certificate."""
    folder = tmp_path_factory.mktemp(request.param)
    processes = Processes(folder)
    try:
        yield secured.start(processes, folder, request.param)
    finally:
        processes.end()


def superuser(broker: Secured, redis: dict[str, Any], **changes: Any) -> Settings:
    """Return settings with which everything is allowed, to look at what others did."""
    return settings_of(
        broker.cluster, redis, kafka={"bootstrap": broker.cluster.inner_bootstrap}, **changes
    )


def as_user(broker: Secured, redis: dict[str, Any], user: str, **changes: Any) -> Settings:
    """Return the settings of a user, for the exercise unless changed."""
    return settings_of(broker.cluster, redis, kafka=broker.login(user), **changes)


async def test_each_role_has_the_rights_it_needs(
    broker: Secured, redis: dict[str, Any], processes: Processes
) -> None:
    """Worker, relay, monitor, desk and producer, each under its own name, give golden alerts."""
    seen = superuser(broker, redis)
    processes.skyfence(as_user(broker, redis, "exercise-worker"), "worker")
    await until_shared(seen, 1)
    others = [
        processes.skyfence(as_user(broker, redis, f"exercise-{role}"), role)
        for role in ("relay", "monitor", "desk")
    ]
    name = RECORDINGS[1]
    path = str(default_file("recordings", name))
    async with Subscriber(seen) as operator:
        options = ["--speed", "max", "--run", Path(name).stem, "--wait"]
        sender = as_user(broker, redis, "exercise-producer")
        replay = processes.skyfence(sender, "replay", path, *options)
        code = await asyncio.to_thread(replay.wait, 2 * LONGEST_S)
        assert code == 0, processes.said(replay)
        await drained(seen)
        await operator.settle()
    got = [message.alert for message in operator.messages]
    incidents = [alert for alert in got if isinstance(alert, Alert)]
    assert sorted(map(repr, incidents)) == sorted(map(repr, golden(name)))
    async with asyncio.timeout(LONGEST_S), GroupProgress(seen) as progress:
        group = seen.topics.sink_group("desk")
        while await progress.left(group, seen.topics.alerts):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for process in others:
        assert process.poll() is None, processes.said(process)


@pytest.mark.parametrize("role", secured.ROLES)
async def test_an_exercise_reaches_nothing_actual(
    broker: Secured, redis: dict[str, Any], role: str
) -> None:
    """Whatever his role, a user of the exercise can neither write nor read an actual topic."""
    actual = superuser(broker, redis, environment=Environment.ACTUAL)
    await ensure_topics(actual)
    topics = list(actual.topics.partitions(actual.track_partitions))
    settings = as_user(broker, redis, f"exercise-{role}", environment=Environment.ACTUAL)
    with pytest.raises(UsageError, match="TopicAuthorizationFailedError"):
        await ensure_topics(settings)
    sender = producer(settings)
    await sender.start()
    try:
        for topic in topics:
            await refused_writing(sender, topic)
    finally:
        await sender.stop()
    errors = {await reading(settings, topic) for topic in topics}
    assert errors == {TopicAuthorizationFailedError}


async def test_reading_is_allowed_where_it_should_be(
    broker: Secured, redis: dict[str, Any]
) -> None:
    """The exercise's relay may fetch the exercise's alerts, and not its tracks."""
    await ensure_topics(superuser(broker, redis))
    settings = as_user(broker, redis, "exercise-relay")
    assert await reading(settings, settings.topics.alerts) is NoError
    assert await reading(settings, settings.topics.tracks) is TopicAuthorizationFailedError


async def refused_writing(sender: AIOKafkaProducer, topic: str) -> None:
    """Assert that a user may not write to a topic."""
    with pytest.raises(TopicAuthorizationFailedError):
        await sender.send_and_wait(topic, b"{}", partition=0)


async def reading(settings: Settings, topic: str) -> type[Exception]:
    """Return what the broker answers to a fetch; a consumer would ask again for ever."""
    options = kafka_options(settings)
    host, _, port = options.pop("bootstrap_servers").rpartition(":")
    connection = await create_conn(host, int(port), **options)
    try:
        wanted = [(topic, [(0, 0, FETCH_BYTES)])]
        answer = await connection.send(FetchRequest(0, 1, FETCH_BYTES, 0, wanted))
    finally:
        connection.close()
    [(_, [(_, code, *_)])] = answer.topics
    answered: type[Exception] = for_code(code)
    return answered


@pytest.mark.parametrize("arguments", [("worker",), ("relay",), ("replay", "RECORDING")])
async def test_a_wrong_password_ends_in_one_line(
    broker: Secured, redis: dict[str, Any], processes: Processes, arguments: tuple[str, ...]
) -> None:
    """Who comes with a wrong password ends with exit 2 and one line that shows no password."""
    if broker.protocol != "SASL_SSL":
        pytest.skip("a certificate needs no password")
    user, wrong = "exercise-worker", "hunter2-is-wrong"
    settings = as_user(broker, redis, user).changed(kafka={"password": wrong})
    path = str(default_file("recordings", RECORDINGS[1]))
    started = processes.skyfence(
        settings, *(path if argument == "RECORDING" else argument for argument in arguments)
    )
    assert await asyncio.to_thread(started.wait, LONGEST_S) == USAGE_ERROR
    said = processes.said(started)
    [line] = said.splitlines()
    assert line.startswith(f"skyfence: kafka at {settings.kafka.bootstrap} refused user {user}: ")
    assert wrong not in said
    assert broker.passwords[user] not in said
