"""What a group's commit says: asked until Kafka answers, because no answer is not an empty one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
)
from aiokafka.structs import OffsetAndMetadata

from skyfence.adapters import progress
from skyfence.adapters.progress import committed_text
from skyfence.adapters.settings import Settings
from skyfence.errors import UnavailableError

PARTITION = TopicPartition("tracks", 3)
Answer = dict[TopicPartition, OffsetAndMetadata] | Exception


class FakeAdmin:
    """Gives its answers in turn."""

    def __init__(self, answers: Iterator[Answer]) -> None:
        self._answers = answers

    async def list_consumer_group_offsets(self, group: str, partitions: Any) -> Answer:
        assert (group, partitions) == ("workers", [PARTITION])
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def text_after(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> str:
    """Return the text where Kafka gives these answers, one after the other."""
    remaining = iter(answers)

    @asynccontextmanager
    async def admin_client(_: Settings) -> AsyncIterator[FakeAdmin]:
        yield FakeAdmin(remaining)

    monkeypatch.setattr(progress, "admin_client", admin_client)
    monkeypatch.setattr(progress, "_ASK_AGAIN_S", 0.0)
    text = await committed_text(Settings(), "workers", PARTITION)
    assert not list(remaining)
    return text


async def test_a_commit_gives_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of a commit is returned as it was committed; without a commit it is empty."""
    committed = {PARTITION: OffsetAndMetadata(9, "checkpoint 2")}
    assert await text_after(monkeypatch, committed) == "checkpoint 2"
    assert await text_after(monkeypatch, {PARTITION: OffsetAndMetadata(-1, "")}) == ""


@pytest.mark.parametrize(
    "silence", [{}, GroupCoordinatorNotAvailableError(), UnavailableError("kafka is away")]
)
async def test_no_answer_is_not_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, silence: Answer
) -> None:
    """A coordinator that loads, or brokers that are away, are asked again: the state is not new."""
    committed = {PARTITION: OffsetAndMetadata(9, "checkpoint 2")}
    assert await text_after(monkeypatch, silence, committed) == "checkpoint 2"


async def test_a_refusal_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kafka will never answer is an error, and is not asked again."""
    with pytest.raises(KafkaError):
        await text_after(monkeypatch, GroupAuthorizationFailedError("workers"))
