"""The simulated consumer groups: who has which partitions, and whose commits count.

    join, leave, session over ──▶ all members give up ──▶ shared out anew, a generation later

A member keeps its fixed name over a restart (static membership): who comes back within the session
gets what it had, at once. Who was away for longer is put out, and its commits are refused.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from simulation.kafka import SimulatedKafka
from simulation.loop import Process, context_of

SESSION_S: Final = 6.0
# Who has not given up its partitions by then is put out.
_REBALANCE_S: Final = 10.0
_BEAT_S: Final = 1.0
Partitions = frozenset[TopicPartition]


@dataclass(eq=False)
class Member:
    """One member; ``revoked`` returns when it has given up, ``assigned`` tells what it has."""

    name: str
    process: Process | None
    topics: tuple[str, ...]
    revoked: Callable[[], Awaitable[None]]
    assigned: Callable[[Partitions], Awaitable[None]]
    put_out: Callable[[], Awaitable[None]]  # called when it finds out that it is
    partitions: Partitions = frozenset()
    is_out: bool = False
    away_since_s: float | None = None

    @property
    def answers(self) -> bool:
        """Tell whether its process runs."""
        return self.process is None or self.process.runs


@dataclass
class Group:
    """A consumer group."""

    kafka: SimulatedKafka
    name: str
    members: dict[str, Member] = field(default_factory=dict)
    committed: dict[TopicPartition, tuple[int, str]] = field(default_factory=dict)
    rebalances: int = 0
    _is_due: bool = False
    _balancing: asyncio.Task[None] | None = None

    async def join(self, member: Member) -> None:
        """Join; return when the member has its partitions."""
        before = self.members.get(member.name)
        self.members[member.name] = member
        if before is not None and not before.is_out and self._balancing is None:
            before.is_out = True
            await self._assign(member, before.partitions)
            return
        if before is not None:
            before.is_out = True
        self._rebalance()

    def leave(self, member: Member) -> None:
        """Leave at once; what it had is shared out."""
        if self.members.get(member.name) is member:
            self._put_out(member)

    def commit(self, member: Member, offsets: dict[TopicPartition, tuple[int, str]]) -> None:
        """Commit; raise aiokafka's errors where the member has been put out, or has others."""
        if member.is_out or self.members.get(member.name) is not member:
            raise CommitFailedError("the member is not of this generation")
        if not offsets.keys() <= member.partitions:
            raise IllegalStateError("a partition is not assigned")
        self.committed.update(offsets)

    def watch(self) -> None:
        """Put out who has not been heard of for a session; call it every ``_BEAT_S``."""
        now_s = self.kafka.loop.time()
        for member in list(self.members.values()):
            if member.answers:
                if member.away_since_s is not None:
                    member.away_since_s = None
                continue
            member.away_since_s = now_s if member.away_since_s is None else member.away_since_s
            if now_s - member.away_since_s >= SESSION_S:
                self._put_out(member)
        self.kafka.loop.call_later(_BEAT_S, self.watch)

    def _put_out(self, member: Member) -> None:
        member.is_out = True
        del self.members[member.name]
        self._rebalance()
        if member.process is not None and not (member.process.runs or member.process.is_dead):
            # When it goes on it finds out, and joins anew.
            context = context_of(member.process)
            self.kafka.loop.create_task(_called(member.put_out), context=context)

    def _rebalance(self) -> None:
        self._is_due = True
        if self._balancing is None:
            task = self.kafka.loop.create_task(self._balance(), context=context_of(None))
            self._balancing = task

    async def _balance(self) -> None:
        while self._is_due:
            self._is_due = False
            self.rebalances += 1
            await asyncio.sleep(self.kafka.delay_s())
            await self._give_up(list(self.members.values()))
            for member, partitions in self._shares():
                context = context_of(member.process)
                self.kafka.loop.create_task(self._assign(member, partitions), context=context)
        self._balancing = None

    async def _give_up(self, members: Collection[Member]) -> None:
        loop = self.kafka.loop
        giving_up = {
            loop.create_task(_called(member.revoked), context=context_of(member.process)): member
            for member in members
            if member.partitions and member.answers
        }
        for task, member in giving_up.items():
            done, _ = await asyncio.wait({task}, timeout=_REBALANCE_S)
            if not done and self.members.get(member.name) is member:
                self._put_out(member)

    def _shares(self) -> list[tuple[Member, Partitions]]:
        """Share the partitions out in turn, each topic from its own first member on."""
        members = [self.members[name] for name in sorted(self.members)]
        shares: dict[str, set[TopicPartition]] = {member.name: set() for member in members}
        for topic in sorted({topic for member in members for topic in member.topics}):
            readers = [member for member in members if topic in member.topics]
            for number in range(self.kafka.widths[topic]):
                reader = readers[(number + self.rebalances) % len(readers)]
                shares[reader.name].add(TopicPartition(topic, number))
        return [(member, frozenset(shares[member.name])) for member in members]

    async def _assign(self, member: Member, partitions: Partitions) -> None:
        if not member.is_out:
            member.partitions = partitions
            await member.assigned(partitions)


async def _called(function: Callable[[], Awaitable[None]]) -> None:
    await function()


class Groups(dict[str, Group]):
    """The groups of a Kafka, by name; one begins when it is first asked for."""

    def __init__(self, kafka: SimulatedKafka) -> None:
        super().__init__()
        self._kafka = kafka

    def __missing__(self, name: str) -> Group:
        group = self[name] = Group(self._kafka, name)
        context = context_of(None)
        self._kafka.loop.call_soon(group.watch, context=context)
        return group
