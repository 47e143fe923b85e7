"""Looks now and then whether a worker waits for messages behind the end of a log that was cut.

A reader that stands behind the new end is set back, and Faust passes over what it believes to have
read: no message comes by which the break would be noticed, until the log is as long as it was.

    covered by the state > end of the partition ──▶ the state is compared (``log_break``)
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from streams.driver.app import CheckpointingApp
from streams.driver.consumer import NotStartedError

log = structlog.get_logger()

# A source is called silent after a minute; what was cut is read again well before that.
LOOK_EVERY_S: Final = 10.0


Compare = Callable[[int, int], Awaitable[None]]


class LogWatch:
    """Watches the partitions that a worker has, of topics whose states ``compare`` has.

    It is given a partition and the end of its log, and takes turns with the agent's messages.
    """

    def __init__(self, app: CheckpointingApp, compare: Mapping[str, Compare]) -> None:
        self._app = app
        self._compare = compare

    async def look(self) -> None:
        """Compare the logs that end before the place at which they are read.

        Raise ``UnavailableError`` where one was cut: it is judged on when the worker starts anew.
        Where Kafka does not answer, that is logged, and the next look comes soon.
        """
        try:
            for topic, compare in self._compare.items():
                for partition, end in (await self._app.end_offsets(topic)).items():
                    await compare(partition, end)
        except NotStartedError:
            return
        except KafkaError as error:
            log.warning("logs.unknown", reason=str(error))
