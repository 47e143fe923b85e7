"""What must be told in a world, and whether it was: no alert missing, doubled, changed, disordered.

    nobody commanded anything ──▶ what the engine alone says of the recording
    operators have spoken     ──▶ what decisions alone say of ``track.events`` as it was stored

The second holds operators' words where they came among the tracks' events, which is for chance to
decide; that the events are all those of the engine is looked at by itself.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from aiokafka import TopicPartition
from simulation.driver import message_of
from simulation.faults import LOSSY
from simulation.recording import decisions
from verdict import judge

from skyfence.contracts.alert import Alert, AnyAlert, PlaceAlert, parse_alert
from skyfence.contracts.channel_message import is_over
from skyfence.contracts.judging import JUDGED_KEY
from skyfence.contracts.operator_command import Join
from skyfence.contracts.track_event import OperatorEvent, TrackEvent, parse_event
from streams.sends import origin_of

if TYPE_CHECKING:
    from simulation.world import World

Message = Alert | PlaceAlert
Heard = dict[str, list[Message]]

# From a frame, or from the last fault, to the ear: a session (6 s), a restart, a relay's longest
# pause (10 s), a client's longest (10 s), and a margin.
TOLD_WITHIN_S: Final = 40.0


def is_lossy(world: "World") -> bool:
    """Tell whether something befell a world after which not all can be told."""
    return any(fault.name in LOSSY for fault in world.faults)


def told(world: "World") -> Iterator[str]:
    """Return what was not told as it must be, in words."""
    heard: Heard = {
        place: [a for each in messages if isinstance(a := each.message.alert, Alert | PlaceAlert)]
        for place, messages in world.heard.items()
    }
    if is_lossy(world):
        yield from _told_after_a_loss(world, heard, world.recording.expected)
        yield from _ended(world, heard, world.recording.expected)
        return
    verdict = judge(heard, _expected(world))
    for name, finding in vars(verdict).items():
        if isinstance(finding, tuple) and finding:
            yield f"told: {len(finding)} {name}, as {finding[0]}"
    events = {each.event_id for _, each in stored_events(world) if isinstance(each, TrackEvent)}
    wanted = {each.event_id for each in world.recording.events if isinstance(each, TrackEvent)}
    if events != wanted:
        yield f"told: {len(wanted - events)} events of tracks missing, {len(events - wanted)} more"


def _expected(world: "World") -> list[Message]:
    """Return what must be told where nothing was lost."""
    if not any(isinstance(event, OperatorEvent) for _, event in stored_events(world)):
        return world.recording.expected
    alone = decisions()
    return [
        alert
        for record, event in stored_events(world)
        for alert in alone.process(event, origin_of(message_of(record)))
    ]


def stored_events(world: "World") -> Iterator[tuple[Any, Any]]:
    """Yield what stands in ``track.events`` for the incident agent: records, and what they say."""
    for record in world.kafka.logs[TopicPartition(world.topics.track_events, 0)].records:
        if record.key != JUDGED_KEY.encode():
            yield record, parse_event(record.value or b"")


def _told_after_a_loss(world: "World", heard: Heard, expected: list[Message]) -> Iterator[str]:
    """Tell what is wrong with the objects that came after all faults."""
    all_heard = [alert for alerts in heard.values() for alert in alerts]
    names = [str(alert.alert_id) for alert in all_heard]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        yield f"told: {len(twice)} repeated, as {sorted(twice)[0]}"
    late = [alert for alert in expected if isinstance(alert, Alert) and _is_late(world, alert)]
    missing = [alert for alert in late if str(alert.alert_id) not in names]
    if missing:
        yield f"told: {len(missing)} missing of {len(late)} after the faults, as {missing[0]}"


def _is_late(world: "World", alert: Alert) -> bool:
    return bool(alert.tracks) and set(alert.tracks) <= world.recording.late_tracks


def _ended(world: "World", heard: Heard, expected: list[Message]) -> Iterator[str]:
    """Tell which chains stand that the engine alone has ended.

    A lost object's may stand, and so may one that an operator joined with a lost object's.
    """
    joins = [g.command for g in world.operators.given if isinstance(g.command, Join)]
    joined = {chain for join in joins for chain in (join.incident_id, join.other_id)}
    ended = {alert.incident_id for alert in expected if is_over(alert)} - joined
    for place, alerts in heard.items():
        last = {alert.incident_id: alert for alert in alerts}
        standing = [a for a in last.values() if a.incident_id in ended and not is_over(a)]
        if standing:
            yield f"ended: {len(standing)} chains of {place} stand, as {standing[0].headline}"


def in_time(world: "World") -> Iterator[str]:
    """Return what was told too late, in words."""
    for messages in world.heard.values():
        for each in messages:
            published = getattr(each.message.timeline, "published", None)
            if published is None:
                continue
            published_s = published.timestamp() - world.kafka.epoch_s
            world.slowest_s = max(world.slowest_s, each.at_s - published_s)
            late_s = each.at_s - max(published_s, world.last_fault_s)
            if late_s > TOLD_WITHIN_S:
                yield f"in time: {each.message.alert.headline!r} took {late_s:.1f} s"


def all_alerts(world: "World") -> Iterator[AnyAlert]:
    """Yield what stands in ``alerts``."""
    for at, log in world.kafka.logs.items():
        if at.topic == world.topics.alerts:
            for record in log.records:
                yield parse_alert(record.value or b"")


def last_alerts(world: "World") -> dict[tuple[str, UUID], AnyAlert]:
    """Return, by place and chain, the last message in ``alerts``."""
    last: dict[tuple[str, UUID], AnyAlert] = {}
    for alert in all_alerts(world):
        before = last.get((alert.place, alert.incident_id))
        if before is None or alert.step > before.step:
            last[alert.place, alert.incident_id] = alert
    return last
