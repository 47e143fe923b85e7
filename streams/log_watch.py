"""Looks now and then whether a worker waits for messages behind the end of a log that was cut.

A reader that stands behind the new end is set back, and Faust passes over what it believes to have
read: no message comes by which the break would be noticed, until the log is as long as it was.

    covered by the state > end of the partition ──▶ the state is compared (``log_break``)
"""

from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from streams.driver.app import CheckpointingApp
from streams.driver.consumer import NotStartedError
from streams.partition_state import PartitionStates

log = structlog.get_logger()

# A source is called silent after a minute; what was cut is read again well before that.
LOOK_EVERY_S: Final = 10.0


class LogWatch:
    """Watches the partitions that a worker has, of the topics whose states are given."""

    def __init__(self, app: CheckpointingApp, states: Mapping[str, PartitionStates[Any]]) -> None:
        self._app = app
        self._states = states

    async def look(self) -> None:
        """Compare the logs that end before the place at which they are read.

        Raise ``UnavailableError`` where one was cut: it is judged on when the worker starts anew.
        Where Kafka does not answer, that is logged, and the next look comes soon.
        """
        try:
            for topic, states in self._states.items():
                for partition, end in (await self._app.end_offsets(topic)).items():
                    await states.compare(partition, end)
        except NotStartedError:
            return
        except KafkaError as error:
            log.warning("logs.unknown", reason=str(error))
