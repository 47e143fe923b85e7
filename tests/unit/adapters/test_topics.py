"""Topics are asked about until a broker answers: the one that is asked may go away meanwhile."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError, NodeNotReadyError, TopicAlreadyExistsError

from skyfence.adapters import topics
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.errors import UnavailableError

SETTINGS = Settings()
_LEADER = {"replicas": [1], "isr": [1]}


class FakeAdmin:
    """Raises its errors in turn, then knows all topics as they are wanted."""

    def __init__(self, errors: Iterator[KafkaError]) -> None:
        self._errors = errors

    async def create_topics(self, wanted: list[Any]) -> SimpleNamespace:
        for error in self._errors:
            raise error
        exists = TopicAlreadyExistsError.errno
        return SimpleNamespace(topic_errors=[(topic.name, exists) for topic in wanted])

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        widths = SETTINGS.topics.partitions(SETTINGS.track_partitions)
        return [
            {"topic": name, "error_code": 0, "partitions": [_LEADER] * widths[name]}
            for name in names
        ]

    async def describe_configs(self, resources: list[Any]) -> list[SimpleNamespace]:
        options = [("min.insync.replicas", "1"), ("message.timestamp.type", "LogAppendTime")]
        return [
            SimpleNamespace(resources=[(0, "", 2, resource.name, options)])
            for resource in resources
        ]


async def ensure_after(monkeypatch: pytest.MonkeyPatch, *errors: KafkaError) -> None:
    """Ensure the topics where Kafka gives these errors first."""
    remaining = iter(errors)

    @asynccontextmanager
    async def admin_client(_: Settings) -> AsyncIterator[FakeAdmin]:
        yield FakeAdmin(remaining)

    monkeypatch.setattr(topics, "admin_client", admin_client)
    monkeypatch.setattr(topics, "_LOOK_AGAIN_S", 0.0)
    await ensure_topics(SETTINGS)


async def test_a_broker_that_goes_away_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts while a broker dies asks another one."""
    await ensure_after(monkeypatch, NodeNotReadyError(), NodeNotReadyError())


async def test_brokers_that_stay_away_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end one line says which brokers do not answer, and why."""
    monkeypatch.setattr(topics, "_ANSWERS_WITHIN_S", 0.0)
    with pytest.raises(UnavailableError, match=r"kafka at \S+ does not answer: NodeNotReady"):
        await ensure_after(monkeypatch, NodeNotReadyError())
