"""Commits that carry a checkpoint: what reaches aiokafka, and what a lost partition answers."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, RequestTimedOutError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.driver.consumer import CheckpointConsumer


class FakeThread:
    """Faust's consumer thread around an aiokafka consumer that keeps or refuses commits."""

    def __init__(self, error: Exception | None = None) -> None:
        self.commits: list[dict[TopicPartition, OffsetAndMetadata]] = []
        self._error = error

    def _ensure_consumer(self) -> "FakeThread":
        return self

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self._error is not None:
            raise self._error
        self.commits.append(offsets)

    async def call_thread(self, call: Callable[[Any], Awaitable[None]], *arguments: Any) -> None:
        await call(*arguments)


def consumer_of(thread: FakeThread) -> Any:
    """Return a consumer that runs in a thread, without the rest of Faust."""
    consumer: Any = CheckpointConsumer.__new__(CheckpointConsumer)
    consumer._thread = thread
    return consumer


async def test_offset_and_name_are_one_commit() -> None:
    """They reach the group together, or neither does."""
    thread = FakeThread()
    assert await consumer_of(thread).commit_checkpoint("tracks", 3, 81_244, "checkpoint 1207")
    expected = {TopicPartition("tracks", 3): OffsetAndMetadata(81_244, "checkpoint 1207")}
    assert thread.commits == [expected]


@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError()])
async def test_a_lost_partition_is_told_by_false(error: Exception) -> None:
    """A commit that comes too late is refused, and no error: the new owner has it."""
    refused = consumer_of(FakeThread(error))
    assert not await refused.commit_checkpoint("tracks", 3, 81_244, "checkpoint 1207")


async def test_a_commit_that_may_have_failed_is_an_error() -> None:
    """Whether the broker has it is not known: the worker must not go on as if it had lost."""
    unsure = consumer_of(FakeThread(RequestTimedOutError()))
    with pytest.raises(RequestTimedOutError):
        await unsure.commit_checkpoint("tracks", 3, 81_244, "checkpoint 1207")


async def test_faust_s_own_commits_are_left_out() -> None:
    """What was acknowledged to Faust need not be covered by a checkpoint: it is not committed."""
    thread = FakeThread()
    assert await consumer_of(thread)._commit({("tracks", 3): 81_250})
    assert thread.commits == []
