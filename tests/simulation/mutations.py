"""Mends taken out again, each with the faults that show it: proof that a world would notice.

``MUTATIONS`` names what was mended; without it the world of the seed must fail, with it hold.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from simulation.faults import Fault

from consumers.channels.reconciling import RedisReconciler
from consumers.outgoing.dispatcher import Dispatcher
from skyfence.adapters.watchdog import Watchdog
from skyfence.frames import codec
from skyfence.incidents.operators import OperatorDecisions
from streams.checkpoint import CheckpointStore
from streams.partition_state import PartitionStates
from streams.sends import PendingSends


@dataclass(frozen=True)
class Mutation:
    """A mend that ``take_out`` undoes, and faults of a seed's world that need it."""

    take_out: Callable[[pytest.MonkeyPatch], None]
    seed: int
    faults: tuple[Fault, ...]


def _believe_every_clock(monkey: pytest.MonkeyPatch) -> None:
    monkey.setattr(codec, "MAX_AHEAD_MS", math.inf)


def _die_at_large_messages(monkey: pytest.MonkeyPatch) -> None:
    async def flush(sends: Any) -> None:
        for sent in sends._pending:
            await sent.stored
        sends._pending.clear()

    monkey.setattr(PendingSends, "flush", flush)


def _compare_no_log(monkey: pytest.MonkeyPatch) -> None:
    async def find_break(*_: Any) -> None:
        return None

    async def compare(*_: Any) -> None:
        return

    monkey.setattr(CheckpointStore, "find_break", find_break)
    monkey.setattr(PartitionStates, "compare", compare)


def _give_redis_nothing_again(monkey: pytest.MonkeyPatch) -> None:
    async def reconcile(_: Any, __: Any, polled: Any) -> Any:
        return polled

    async def mark(*_: Any) -> bool:
        return True

    monkey.setattr(RedisReconciler, "reconcile", reconcile)
    monkey.setattr(RedisReconciler, "mark", mark)


def _end_nothing_that_hangs(monkey: pytest.MonkeyPatch) -> None:
    monkey.setattr(Watchdog, "poll", lambda *_: None)


def _leave_what_was_under_way(monkey: pytest.MonkeyPatch) -> None:
    async def requeue_interrupted(_: Any) -> None:
        return

    monkey.setattr(Dispatcher, "requeue_interrupted", requeue_interrupted)


def _forget_what_was_closed(monkey: pytest.MonkeyPatch) -> None:
    monkey.setattr(OperatorDecisions, "_silence", lambda *_, **__: None)


def _commit_before_it_is_stored(monkey: pytest.MonkeyPatch) -> None:
    async def flush(sends: Any) -> None:
        sends._pending.clear()

    monkey.setattr(PendingSends, "flush", flush)


def _pass_over_omissions(monkey: pytest.MonkeyPatch) -> None:
    async def refuse_omission(*_: Any) -> None:
        return

    monkey.setattr(PartitionStates, "_refuse_omission", refuse_omission)


MUTATIONS: Final = {
    "messages that no agent was given are read anew": Mutation(
        _pass_over_omissions,
        seed=3,
        faults=(
            Fault("messages left out by worker", 20.0, "worker-0", amount=5),
            Fault("messages left out by worker", 20.0, "worker-1", amount=5),
        ),
    ),
    "a clock that is ahead is not believed": Mutation(
        _believe_every_clock,
        seed=3,
        faults=(Fault("heartbeat from the future", 20.0, amount=3_000),),
    ),
    "a message that is too large ends no worker": Mutation(
        _die_at_large_messages,
        seed=3,
        faults=(Fault("kafka takes small messages only", 20.0, seconds=30.0),),
    ),
    "a log that lost its tail is told of and judged on": Mutation(
        _compare_no_log,
        seed=3,
        faults=(Fault("tail of tracks lost", 60.0, amount=30),),
    ),
    "track events that were lost are told of": Mutation(
        _compare_no_log,
        seed=3,
        faults=(Fault("tail of track events lost", 60.0, amount=30),),
    ),
    "a redis that lost alerts gets them again": Mutation(
        _give_redis_nothing_again,
        seed=3,
        # When the chains have ended: nothing that comes later would put it right.
        faults=(Fault("redis as it was", 264.0, seconds=2.0, amount=20),),
    ),
    "a process that hangs is ended": Mutation(
        _end_nothing_that_hangs,
        seed=3,
        faults=(Fault("hang relay", 30.0, "relay", seconds=300.0),),
    ),
    "a webhook that was under way at a kill is sent again": Mutation(
        _leave_what_was_under_way,
        seed=3,
        faults=(
            Fault("endpoint's answers lost", 25.0, seconds=30.0),
            Fault("kill webhooks", 45.0),
        ),
    ),
    "what an operator closed stays closed": Mutation(
        _forget_what_was_closed,
        seed=3,
        faults=(Fault("operator closes", 40.0, "anna"),),
    ),
    "a checkpoint covers only what is stored": Mutation(
        _commit_before_it_is_stored,
        seed=3,
        faults=(
            Fault("slow acknowledgements", 20.0, seconds=20.0),
            Fault("kafka refuses", 30.0, seconds=8.0),
            Fault("kill worker", 33.0, "worker-0"),
            Fault("kill worker", 33.0, "worker-1"),
        ),
    ),
}
