"""Says every two seconds until when everything that reached ``tracks`` has been judged.

    Kafka's ends of ``tracks`` ─┐ JudgingReporter                        JudgingProgress
    next offsets to judge ──────┴─▶ JudgedPartitions ──▶ track.events ──▶ the earliest of all
                                                              partitions ──▶ JudgedUntil ──▶ judged

It is no record in ``tracks``: each of those would move checkpoints and lags. Kafka's own end of a
partition, compared with what has been judged and stored, says the same of every report that came.
"""

import time
from datetime import datetime
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from skyfence.contracts.judging import JUDGED_KEY, JudgedPartitions, JudgedUntil
from skyfence.monitoring.lag import TimeLag
from skyfence.naming import Topics
from skyfence.times import MS_PER_S, from_ms
from streams.backlog import backlog
from streams.driver.app import CheckpointingApp
from streams.driver.consumer import NotStartedError
from streams.partition_state import PartitionStates
from streams.sends import PendingSends

log = structlog.get_logger()

# Watchers are told within 15 s of the last: twice this, and the relay's limit.
REPORT_EVERY_S: Final = 2.0


class JudgingReporter:
    """Reports the partitions of ``tracks`` that a worker has."""

    def __init__(
        self,
        app: CheckpointingApp,
        topics: Topics,
        states: PartitionStates[Any],
        sends: PendingSends,
    ) -> None:
        self._app = app
        self._topics = topics
        self._states = states
        self._sends = sends
        self._lag = TimeLag()

    async def report(self) -> None:
        """Send until when each partition has been judged; return when that is stored.

        It does nothing before the consumer has started. Where Kafka does not answer, that is
        logged, and nothing is reported.
        """
        as_of_ms = round(time.time() * MS_PER_S)
        try:
            unjudged = await backlog(self._app, self._states, self._topics.tracks)
        except NotStartedError:
            return
        except KafkaError as error:
            log.warning("partitions.unknown", reason=str(error))
            return
        self._lag.sample(as_of_ms, unjudged.ends, unjudged.left)
        done_to_ms = self._lag.done_to_ms
        until = {
            number: from_ms(done_to_ms[number]) for number in unjudged.ends if number in done_to_ms
        }
        if until:
            judged = JudgedPartitions(as_of=from_ms(as_of_ms), until=until)
            await self._sends.send(self._topics.track_events, JUDGED_KEY, judged.to_json(), {})
        await self._sends.flush()


class JudgingProgress:
    """Knows until when each of all partitions has been judged; forgets it with its process."""

    def __init__(self, partition_count: int) -> None:
        self._partition_count = partition_count
        self._until: dict[int, datetime] = {}

    def take(self, judged: JudgedPartitions, undecided_runs: int) -> JudgedUntil | None:
        """Take in what a worker reports; return until when all has been, None where not known."""
        self._until.update(judged.until)
        if len(self._until) < self._partition_count:
            return None
        until = min(self._until.values())
        return JudgedUntil(as_of=judged.as_of, until=until, undecided_runs=undecided_runs)
