"""What the brokers say of the workers' group: its state, its members, who has which partitions."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import KafkaError
from talk import LONGEST_S

from skyfence.adapters.kafka import admin_client
from skyfence.adapters.settings import Settings
from skyfence.errors import SkyfenceError

Partitions = frozenset[tuple[str, int]]
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class Group:
    """A group as it is now; ``members`` maps the ids that the brokers gave to partitions."""

    state: str
    members: dict[str, Partitions]

    @property
    def partitions(self) -> Partitions:
        """Return all that is assigned to anybody."""
        return frozenset[tuple[str, int]]().union(*self.members.values())


async def worker_group(settings: Settings) -> Group:
    """Return the group of the settings' workers."""
    async with admin_client(settings) as admin:
        [answer] = await admin.describe_consumer_groups([settings.topics.worker_group])
    [(_, _, state, _, _, members, *_)] = answer.groups
    return Group(state, {member_id: _assigned(assigned) for member_id, *_, assigned in members})


async def until(settings: Settings, holds: Callable[[Group], bool]) -> Group:
    """Return the group of workers as soon as something holds of it."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            try:
                group = await worker_group(settings)
            except (SkyfenceError, KafkaError):
                group = Group("unknown", {})  # its coordinator is only just being found
            if holds(group):
                return group
            await asyncio.sleep(_LOOK_AGAIN_S)


async def until_shared(settings: Settings, workers: int) -> Group:
    """Return the group when so many workers have all partitions among them."""
    wanted = settings.track_partitions + 1  # and the one of track.events
    return await until(
        settings,
        lambda group: (
            group.state == "Stable"
            and len(group.members) == workers
            and len(group.partitions) == wanted
        ),
    )


def _assigned(encoded: bytes) -> Partitions:
    if not encoded:
        return frozenset()
    assignment = ConsumerProtocol.ASSIGNMENT.decode(encoded)
    return frozenset(
        (partition.topic, partition.partition) for partition in assignment.partitions()
    )
