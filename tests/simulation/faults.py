"""What befalls a world: faults drawn from the seed, each a name, a moment, and how much.

``LOSSLESS`` faults must change nothing of what is told. After one of ``LOSSY`` something is gone
that nobody can bring back: then it must be said, and what comes afterwards must be told in full.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from simulation.recording import END_S, FAULTS_END_S

if TYPE_CHECKING:
    from simulation.world import World

WORKERS: Final = ("worker-0", "worker-1")
_MOST_FAULTS: Final = 8
# An incident's alert has 1,300 to 1,700 bytes in these worlds, a place's 1,000 to 1,300.
_SMALL_BYTES: Final = 1_500
# One world in so many has a fault that loses something.
_LOSSY_ONE_IN: Final = 4
# One world in so many has brokers whose clock is set, or drifts.
_CLOCKS_ONE_IN: Final = 6
# One world in so many has a process that hangs, from early on: a watchdog ends it after a minute.
_HANGS_ONE_IN: Final = 8
_HANGS_UNTIL_S: Final = 35.0
# One world in so many has a worker that is not given some messages.
_OMISSIONS_ONE_IN: Final = 8


@dataclass(frozen=True)
class Fault:
    """One fault; ``seconds`` is for how long, ``amount`` whatever else it needs."""

    name: str
    at_s: float
    target: str = ""
    seconds: float = 0.0
    amount: int = 0

    def __str__(self) -> str:
        words = [f"{self.at_s:7.2f} s  {self.name}", self.target]
        words.append(f"for {self.seconds:.2f} s" if self.seconds else "")
        words.append(f"({self.amount})" if self.amount else "")
        return " ".join(word for word in words if word)


Deed = Callable[["World", Fault], Coroutine[Any, Any, None]]


async def _kill(world: "World", fault: Fault) -> None:
    world.roles.kill(fault.target)


async def _restart(world: "World", fault: Fault) -> None:
    await world.roles.ask_to_stop(fault.target)


async def _hang(world: "World", fault: Fault) -> None:
    await world.roles.hang(fault.target, fault.seconds)


async def _pause(world: "World", fault: Fault) -> None:
    process = world.roles.pause(fault.target)
    await world.sleep(fault.seconds)
    world.roles.go_on(process)


async def _join(world: "World", fault: Fault) -> None:
    role = world.add_worker("worker-2")
    await world.sleep(fault.seconds)
    await world.roles.remove(role)


async def _leave_out(world: "World", fault: Fault) -> None:
    """Lose messages between Kafka and an agent, as a client library does by its own fault."""
    app = world.roles[fault.target].app
    if app is not None:
        app.leaves_out = fault.amount


async def _slow_acks(world: "World", fault: Fault) -> None:
    world.kafka.slow_s = fault.seconds / 10
    await world.sleep(fault.seconds)
    world.kafka.slow_s = 0.0


async def _kafka_away(world: "World", fault: Fault) -> None:
    world.kafka.is_away = True
    await world.sleep(fault.seconds)
    world.kafka.come_back()


async def _refuse(world: "World", fault: Fault) -> None:
    world.kafka.refuses = True
    await world.sleep(fault.seconds)
    world.kafka.refuses = False


async def _small_messages(world: "World", fault: Fault) -> None:
    world.kafka.most_bytes[world.topics.alerts] = _SMALL_BYTES
    await world.sleep(fault.seconds)
    world.kafka.most_bytes.clear()


async def _send_again(world: "World", fault: Fault) -> None:
    world.send_again(fault.amount)


async def _cut(world: "World", fault: Fault) -> None:
    del fault
    world.network.cut()


async def _redis_restart(world: "World", fault: Fault) -> None:
    world.redis.stop()
    await world.sleep(fault.seconds)
    world.redis.start()


async def _redis_full(world: "World", fault: Fault) -> None:
    world.redis.is_full = True
    await world.sleep(fault.seconds)
    world.redis.is_full = False


async def _our_clock(world: "World", fault: Fault) -> None:
    world.wall_offset_s += fault.amount


async def _kafka_ahead(world: "World", fault: Fault) -> None:
    """Set the brokers' clock on, and right again after a while."""
    world.kafka.set_clock(fault.amount)
    await world.sleep(fault.seconds)
    world.kafka.set_clock(-fault.amount)


async def _kafka_drift(world: "World", fault: Fault) -> None:
    world.kafka.drift(fault.amount)


async def _forged_heartbeat(world: "World", fault: Fault) -> None:
    world.forge_heartbeat(fault.amount)


async def _redis_empty(world: "World", fault: Fault) -> None:
    world.redis.stop()
    await world.sleep(fault.seconds)
    world.redis.start(is_empty=True)


async def _redis_older(world: "World", fault: Fault) -> None:
    world.redis.stop()
    await world.sleep(fault.seconds)
    world.redis.start(older_s=fault.amount)


async def _truncate_tracks(world: "World", fault: Fault) -> None:
    topic = world.topics.tracks
    world.truncate(TopicPartition(topic, world.busy_partition()), fault.amount)


async def _truncate_events(world: "World", fault: Fault) -> None:
    world.truncate(TopicPartition(world.topics.track_events, 0), fault.amount)


async def _retention(world: "World", fault: Fault) -> None:
    """Delete what no worker has read, while none runs."""
    stopped = [world.roles.pause(name) for name in WORKERS]
    await world.sleep(fault.seconds)
    world.delete_all(TopicPartition(world.topics.tracks, world.busy_partition()))
    for process in stopped:
        world.roles.go_on(process)


LOSSLESS: Final[dict[str, Deed]] = {
    "kill worker": _kill,
    "restart worker": _restart,
    "pause worker": _pause,
    "kill relay": _kill,
    "pause relay": _pause,
    "kill monitor": _kill,
    "pause monitor": _pause,
    "kill desk": _kill,
    "pause desk": _pause,
    "worker joins and leaves": _join,
    "slow acknowledgements": _slow_acks,
    "kafka away": _kafka_away,
    "kafka refuses": _refuse,
    "frames sent again": _send_again,
    "connections cut": _cut,
    "redis restarts": _redis_restart,
    "redis disk full": _redis_full,
    "our clock set": _our_clock,
    "heartbeat from the future": _forged_heartbeat,
    "redis as it was": _redis_older,
}
# The loop of a process stands still, for less than its watchdog waits (60 s) or for more.
HANGS: Final[dict[str, Deed]] = {
    f"hang {name}": _hang for name in ("worker", "relay", "monitor", "desk")
}
# The brokers' clock, which dates what comes into ``tracks``.
CLOCKS: Final[dict[str, Deed]] = {
    "kafka's clock ahead": _kafka_ahead,
    "kafka's clock drifts": _kafka_drift,
}
# What Kafka has handed out and no agent was given: it must be read anew.
OMISSIONS: Final[dict[str, Deed]] = {"messages left out by worker": _leave_out}
LOSSY: Final[dict[str, Deed]] = {
    "redis empty": _redis_empty,
    "tail of tracks lost": _truncate_tracks,
    "tail of track events lost": _truncate_events,
    "tracks deleted unread": _retention,
    "kafka takes small messages only": _small_messages,
}
# What may befall a world until its last chain has ended. What workers suffer comes before the late
# objects, which are to be told undisturbed.
_TO_THE_END: Final = frozenset(
    {"kill relay", "pause relay", "connections cut", "redis restarts", "redis as it was"}
)


def draw_faults(seed: int) -> list[Fault]:
    """Return what befalls the world of a seed."""
    draw = Random(f"faults {seed}")
    names = [draw.choice(list(LOSSLESS)) for _ in range(draw.randint(1, _MOST_FAULTS))]
    if draw.randrange(_LOSSY_ONE_IN) == 0:
        names.append(draw.choice(list(LOSSY)))
    clocks = Random(f"clocks {seed}")
    if clocks.randrange(_CLOCKS_ONE_IN) == 0:
        names += [clocks.choice(list(CLOCKS)) for _ in range(clocks.randint(1, 2))]
    omissions = Random(f"omissions {seed}")
    left_out = [] if omissions.randrange(_OMISSIONS_ONE_IN) else list(OMISSIONS)
    return [
        *(drawn(draw, name) for name in names),
        *(drawn(omissions, name) for name in left_out),
        *_draw_hangs(seed),
    ]


def _draw_hangs(seed: int) -> list[Fault]:
    draw = Random(f"hangs {seed}")
    if draw.randrange(_HANGS_ONE_IN):
        return []
    hang = drawn(draw, draw.choice(list(HANGS)))
    return [replace(hang, at_s=round(draw.uniform(5.0, _HANGS_UNTIL_S), 2))]


def drawn(draw: Random, name: str) -> Fault:
    """Return a fault of a kind."""
    latest_s = END_S + 5.0 if name in _TO_THE_END else FAULTS_END_S - 20.0
    at_s = round(draw.uniform(5.0, latest_s), 2)
    target = ""
    if "worker" in name and "joins" not in name:
        target = draw.choice(WORKERS)
    elif name.endswith(("relay", "monitor", "desk")):
        target = name.split()[1]
    return Fault(
        name,
        at_s,
        target,
        seconds=round(_seconds(draw, name), 2),
        amount=_amount(draw, name),
    )


def _seconds(draw: Random, name: str) -> float:
    """Return for how long: the longest of some are beyond what a session or a client waits."""
    if name in HANGS:
        return draw.uniform(20.0, 120.0)
    longest = {
        "pause worker": 20.0,
        "pause relay": 15.0,
        "pause monitor": 25.0,
        "pause desk": 15.0,
        "worker joins and leaves": 20.0,
        "slow acknowledgements": 20.0,
        "kafka away": 15.0,
        "kafka refuses": 1.0,
        "kafka's clock ahead": 40.0,
        "redis restarts": 10.0,
        "redis disk full": 10.0,
        "redis as it was": 5.0,
        "redis empty": 5.0,
        "tracks deleted unread": 20.0,
        "kafka takes small messages only": 30.0,
    }
    return draw.uniform(0.1, longest[name]) if name in longest else 0.0


def _amount(draw: Random, name: str) -> int:
    if name == "our clock set":
        return draw.choice((-3600, -600, 600, 3600))
    if name == "kafka's clock ahead":
        return draw.choice((20, 90, 600, 3_600))
    if name == "kafka's clock drifts":
        return draw.choice((-100, 100))  # in a million, as a clock does that nobody disciplines
    if name == "heartbeat from the future":
        return draw.choice((120, 3_000, 2_300_000_000))
    if name == "redis as it was":
        return draw.randint(1, 60)
    # What is left out is missed when the next message comes, so it is little.
    most = 5 if name in OMISSIONS else 40
    return draw.randint(1, most) if name.startswith(("tail", "frames", "messages")) else 0
