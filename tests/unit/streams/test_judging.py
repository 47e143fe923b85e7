"""Until when everything has been judged: what a worker reports, and what follows from all of it."""

import time
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from builders import T0_MS
from fuzz.agents import TOPICS

from skyfence.contracts.judging import JUDGED_KEY, JudgedPartitions, JudgedUntil
from skyfence.times import from_ms
from streams.driver.consumer import NotStartedError
from streams.judging import JudgingProgress, JudgingReporter


class Worker:
    """Has two partitions of ``tracks``: their ends, and the offsets up to which it has judged."""

    def __init__(self) -> None:
        self.ends, self.judged = {0: 5, 1: 5}, {0: 5, 1: 5}
        self.sent: list[JudgedPartitions] = []
        self.error: Exception | None = None
        given: Any = self, TOPICS, self, self
        self.reporter = JudgingReporter(*given)

    async def end_offsets(self, topic: str) -> dict[int, int]:
        assert topic == TOPICS.tracks
        if self.error is not None:
            raise self.error
        return self.ends

    def next_offset(self, partition: int) -> int:
        return self.judged[partition]

    async def send(self, topic: str, key: str, value: bytes, headers: Any) -> None:
        assert (topic, key, headers) == (TOPICS.track_events, JUDGED_KEY, {})
        self.sent.append(JudgedPartitions.model_validate_json(value))

    async def flush(self) -> None:
        """Everything is stored at once."""

    async def report(self, monkeypatch: pytest.MonkeyPatch, at_s: int) -> dict[int, int]:
        """Return until when each partition was judged, as reported at a time: seconds."""
        monkeypatch.setattr(time, "time", lambda: T0_MS / 1000 + at_s)
        self.sent.clear()
        await self.reporter.report()
        until = self.sent[0].until if self.sent else {}
        return {number: round((t - from_ms(T0_MS)).total_seconds()) for number, t in until.items()}


async def test_what_waits_holds_its_partition_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition is judged until the last look whose end has been reached since."""
    worker = Worker()
    assert await worker.report(monkeypatch, 0) == {0: 0, 1: 0}
    worker.ends = {0: 7, 1: 5}
    assert await worker.report(monkeypatch, 2) == {0: 0, 1: 2}
    worker.ends, worker.judged = {0: 9, 1: 5}, {0: 7, 1: 5}
    assert await worker.report(monkeypatch, 4) == {0: 2, 1: 4}


async def test_what_is_not_known_yet_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that begins with a backlog says nothing of that partition before it is through."""
    worker = Worker()
    worker.judged = {0: 0, 1: 5}
    assert await worker.report(monkeypatch, 0) == {1: 0}
    worker.judged = {0: 0, 1: 0}
    assert await Worker().report(monkeypatch, 0) == {0: 0, 1: 0}


@pytest.mark.parametrize("error", [NotStartedError(), KafkaConnectionError()])
async def test_nothing_is_reported_while_kafka_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Nor before the consumer has started, and nothing breaks."""
    worker = Worker()
    worker.error = error
    assert await worker.report(monkeypatch, 0) == {}


def judged(at_s: int, **until_s: int) -> JudgedPartitions:
    """Return what a worker reports of partitions p0, p1, …; seconds."""
    until = {int(name[1:]): from_ms(T0_MS + 1000 * s) for name, s in until_s.items()}
    return JudgedPartitions(as_of=from_ms(T0_MS + 1000 * at_s), until=until)


def test_the_earliest_of_all_partitions_counts() -> None:
    """Whoever of several workers hangs: nothing is said before all have reported."""
    progress = JudgingProgress(3)
    assert progress.take(judged(2, p0=2, p1=2), 0) is None
    assert progress.take(judged(3, p2=3), 0) == _until(3, 2)
    assert progress.take(judged(9, p0=9, p1=9), 0) == _until(9, 3)


def _until(at_s: int, until_s: int) -> JudgedUntil:
    as_of, until = (from_ms(T0_MS + 1000 * seconds) for seconds in (at_s, until_s))
    return JudgedUntil(as_of=as_of, until=until)
