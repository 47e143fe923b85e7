"""What must hold at the end of a world, whatever came before.

told      no alert is missing, comes twice, differs, or is out of order, by the engine alone
in time   each is told within a bound of its frame, or of the last fault
ended     each chain that was heard has its last message
status    says at the end that nothing waits and all was judged; no feed alarm was false
active    what stands in Redis as active is what is open by ``alerts``
places    what Redis says of a place is the last that was said of it
public    hears each step once at most and in order, of every shelter, and of its end; nothing that
          waits for a word that nobody gave, or was withdrawn
commands  each is answered, has its effect everywhere or none and a reason, and stays so
webhooks  each alert comes at least once and in order, the last of each chain always
gaps      where covered messages were lost, ``rejected`` says so
bounded   what is sent and kept is no more than some times what came
whole     no exception was swallowed, and nothing rejected that was not forged
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from aiokafka import TopicPartition
from simulation.commanded import commanded
from simulation.delivered import delivered
from simulation.kafka import Log
from simulation.public import public
from simulation.told import in_time, is_lossy, last_alerts, told

from skyfence.contracts.alert import FeedAlarm, PlaceAlert
from skyfence.contracts.channel_message import is_over
from skyfence.monitoring.status import from_hash
from skyfence.naming import Audience, Channel, places_key, status_key

if TYPE_CHECKING:
    from simulation.world import World

# Of what came: bytes sent by our processes to each topic but checkpoints, and kept in Redis.
_BYTES_PER_BYTE: Final = 40
# Until when all was judged is said every two seconds, and each time is a message on its way.
_UNDER_WAY: Final = 5
# Said every two seconds, and the monitor looks every two.
_JUDGED_WITHIN_S: Final = 10.0
_MOST_MESSAGE_BYTES: Final = 100_000


def broken(world: "World") -> list[str]:
    """Return what does not hold, in words; nothing where all does."""
    return [
        *told(world),
        *in_time(world),
        *_status(world),
        *_active(world),
        *_places(world),
        *public(world),
        *commanded(world),
        *delivered(world),
        *_gaps(world),
        *_bounded(world),
        *_whole(world),
    ]


def _status(world: "World") -> Iterator[str]:
    fields = world.redis.keyspace.hashes.get(status_key(world.settings.environment).encode())
    if not fields:
        yield "status: there is none"
        return
    status = from_hash({name.decode(): value for name, value in fields.items()})
    for lag in status.lags:
        if lag.messages > _UNDER_WAY:
            yield f"status: {lag.messages} messages of {lag.topic}/{lag.partition} wait"
    unjudged_s = (status.as_of - status.judged.until).total_seconds() if status.judged else None
    if unjudged_s is None or unjudged_s > _JUDGED_WITHIN_S:
        yield f"status: not judged for {unjudged_s} s"
    rejected = sum(int(str(record.get("count", 1))) for record in _rejected(world))
    if sum(status.rejected.values()) != rejected:
        yield f"status: {status.rejected} rejected, and {rejected} are"
    for place, messages in world.heard.items():
        for each in messages:
            if isinstance(each.message.alert, FeedAlarm):
                yield f"status: {place} heard {each.message.alert.headline!r}"


def _active(world: "World") -> Iterator[str]:
    last = last_alerts(world)
    for place in {alert.place for alert in last.values()}:
        is_open = {
            str(chain): alert.step
            for (at, chain), alert in last.items()
            if at == place and not is_over(alert)
        }
        channel = Channel(world.settings.environment, Audience.OPERATORS, place)
        fields = world.redis.keyspace.hashes.get(channel.active.encode(), {})
        active = {
            name.decode(): json.loads(value)["alert"]["step"] for name, value in fields.items()
        }
        if active != is_open:
            surplus, missing = sorted(active.keys() - is_open), sorted(is_open.keys() - active)
            yield f"active: {place} has {surplus} too many, lacks {missing}, or an older step"


def _places(world: "World") -> Iterator[str]:
    last: dict[str, PlaceAlert] = {}
    for alert in last_alerts(world).values():
        if isinstance(alert, PlaceAlert):
            before = last.setdefault(alert.place, alert)
            last[alert.place] = max(before, alert, key=lambda each: each.episode)
    fields = world.redis.keyspace.hashes.get(places_key(world.settings.environment).encode(), {})
    for place, alert in last.items():
        held = fields.get(f"{alert.run}/{place}".encode())
        said = None if held is None else json.loads(held)["alert"]
        if said is None or said["alert_id"] != str(alert.alert_id):
            level = None if said is None else said["level"]
            yield f"places: {place} is said to be {level}, and is {alert.level}"


def _gaps(world: "World") -> Iterator[str]:
    noted = {
        f"{record['topic']}/{record['partition']}"
        for record in _rejected(world)
        if record["reason_class"] == "lost"
    }
    for lost in world.losses:
        if lost not in noted:
            yield f"gaps: nobody said that messages of {lost} are lost"


def _rejected(world: "World") -> Iterator[dict[str, object]]:
    for record in world.kafka.logs[TopicPartition(world.topics.rejected, 0)].records:
        yield json.loads(record.value or b"{}")


def _bounded(world: "World") -> Iterator[str]:
    logs = world.kafka.logs
    came = sum(_size(logs[at]) for at in logs if at.topic == world.topics.tracks)
    for at, log in logs.items():
        if "checkpoint" not in at.topic and _size(log) > _BYTES_PER_BYTE * came:
            yield f"bounded: {at.topic} has {_size(log)} bytes after {came} of tracks"
        largest = max((len(record.value or b"") for record in log.records), default=0)
        if largest > _MOST_MESSAGE_BYTES:
            yield f"bounded: a message of {largest} bytes in {at.topic}"
    if world.redis.keyspace.size_bytes() > _BYTES_PER_BYTE * came:
        yield f"bounded: redis holds {world.redis.keyspace.size_bytes()} bytes"


def _size(log: Log) -> int:
    return sum(len(record.value or b"") for record in log.records)


def _whole(world: "World") -> Iterator[str]:
    forged = any(fault.name == "heartbeat from the future" for fault in world.faults)
    allowed = {"lost", "size"} if is_lossy(world) else set[str]()
    for record in _rejected(world):
        if record["reason_class"] not in (allowed | {"time"} if forged else allowed):
            yield f"whole: rejected as {record['reason_class']}: {record['reason']}"
    for failure in world.loop.failures:
        yield f"whole: nobody waited for {failure}"
    for name, count in world.events.items():
        if name.startswith(("exception", "log decode.failed", "log judge.failed")) or (
            "crashed" in name
            or name.endswith((" InputError", " UsageError"))
            or name == "worker ended: MessageSizeTooLargeError"
        ):
            yield f"whole: {count} times {name}"
