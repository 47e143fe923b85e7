"""Topics are asked about until a broker answers: the one that is asked may go away meanwhile."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    KafkaError,
    NodeNotReadyError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from structlog.testing import capture_logs

from skyfence.adapters import topics
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment, Topics

SETTINGS = Settings()
EMBEDDED = "MkU3OEVBNTctOEUyRi00"
_LEADER = {"replicas": [1], "isr": [1]}


class FakeAdmin:
    """Raises its errors in turn, then knows all topics as they are wanted."""

    def __init__(self, errors: Iterator[KafkaError], cluster_id: str, missing: list[str]) -> None:
        self._errors = errors
        self._cluster_id = cluster_id
        self._missing = missing  # the topic that each look does not find, in turn

    async def describe_cluster(self) -> dict[str, Any]:
        return {"cluster_id": self._cluster_id}

    async def create_topics(self, wanted: list[Any]) -> SimpleNamespace:
        for error in self._errors:
            raise error
        error = TopicAuthorizationFailedError if self._missing else TopicAlreadyExistsError
        return SimpleNamespace(topic_errors=[(topic.name, error.errno) for topic in wanted])

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        width = SETTINGS.track_partitions
        missing = self._missing.pop(0) if self._missing else None
        unknown = UnknownTopicOrPartitionError.errno
        widths = Topics(Environment.ACTUAL).partitions(width) | SETTINGS.topics.partitions(width)
        return [
            {
                "topic": name,
                "error_code": unknown if name == missing else 0,
                "partitions": [_LEADER] * widths[name],
            }
            for name in names
        ]

    async def describe_configs(self, resources: list[Any]) -> list[SimpleNamespace]:
        options = [("min.insync.replicas", "1"), ("message.timestamp.type", "LogAppendTime")]
        return [
            SimpleNamespace(resources=[(0, "", 2, resource.name, options)])
            for resource in resources
        ]


async def ensure_after(
    monkeypatch: pytest.MonkeyPatch,
    *errors: KafkaError,
    settings: Settings = SETTINGS,
    cluster_id: str = "drawn",
    missing: Sequence[str] = (),
    patient: bool = False,
) -> list[str]:
    """Ensure the topics where Kafka gives these errors first, and looks miss these topics.

    Returns what no look missed.
    """
    left = list(missing)
    remaining = iter(errors)

    @asynccontextmanager
    async def admin_client(_: Settings) -> AsyncIterator[FakeAdmin]:
        yield FakeAdmin(remaining, cluster_id, left)

    monkeypatch.setattr(topics, "admin_client", admin_client)
    monkeypatch.setattr(topics, "_LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(topics, "_CREATED_LOOK_S", 0.0)
    await ensure_topics(settings, patient=patient)
    return left


async def test_a_broker_that_goes_away_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts while a broker dies asks another one."""
    await ensure_after(monkeypatch, NodeNotReadyError(), NodeNotReadyError())


async def test_brokers_that_stay_away_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end one line says which brokers do not answer, and why."""
    monkeypatch.setattr(topics, "_ANSWERS_WITHIN_S", 0.0)
    with pytest.raises(UnavailableError, match=r"kafka at \S+ does not answer: NodeNotReady"):
        await ensure_after(monkeypatch, NodeNotReadyError())


@pytest.mark.parametrize("cluster_id", ["drawn", EMBEDDED])
async def test_the_embedded_broker_is_for_exercises(
    monkeypatch: pytest.MonkeyPatch, cluster_id: str
) -> None:
    """Any process of the actual world refuses it, and no other broker."""
    actual = SETTINGS.changed(environment=Environment.ACTUAL)
    await ensure_after(monkeypatch, cluster_id=cluster_id)
    if cluster_id != EMBEDDED:
        await ensure_after(monkeypatch, settings=actual, cluster_id=cluster_id)
        return
    with pytest.raises(UsageError, match=r"embedded kafka.*set SKYFENCE_KAFKA_BOOTSTRAP"):
        await ensure_after(monkeypatch, settings=actual, cluster_id=cluster_id)


async def test_a_topic_that_nobody_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not create it hears which one is missing, and the command that makes it."""
    with pytest.raises(UnavailableError) as refused:
        await ensure_after(monkeypatch, missing=["exercise.tracks"])
    said = str(refused.value)
    assert said.startswith("topic exercise.tracks does not exist, and a user without a name may")
    assert "--create --topic exercise.tracks --partitions 8 --replication-factor 1" in said
    assert "--config min.insync.replicas=1 --config message.timestamp.type=LogAppendTime" in said


async def test_who_is_patient_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that starts before the worker has made the topics goes on when they are there."""
    missing = ["exercise.tracks", "exercise.tracks", "exercise.alerts"]
    with capture_logs() as logged:
        assert await ensure_after(monkeypatch, missing=missing, patient=True) == []
    awaited = [line["reason"].split()[1] for line in logged if line["event"] == "topics.awaited"]
    assert awaited == missing
