"""What the endpoint of a world's webhook sink must have got: docs/guarantees.md's words.

At least once, in the order of each chain; a double only after a kill, a pause or a lost answer; of
what came while the process was away, the latest of each chain.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

from simulation.told import TOLD_WITHIN_S, all_alerts, last_alerts
from simulation.webhook_faults import WEBHOOKS

from skyfence.contracts.alert import FeedAlarm
from skyfence.contracts.channel_message import is_over

if TYPE_CHECKING:
    from simulation.world import World

# A receiver that was away is tried again within a minute.
_LONGEST_PAUSE_S: Final = 60.0
_HARMLESS: Final = frozenset({"endpoint away"})


def has_webhooks(world: "World") -> bool:
    """Tell whether a world has the sink."""
    return any(fault.name in WEBHOOKS for fault in world.faults)


def delivered(world: "World") -> Iterator[str]:
    """Return what the endpoint did not get as promised, in words."""
    if not has_webhooks(world):
        return
    steps: dict[tuple[str, UUID], list[int]] = {}
    for taken in world.endpoint.taken:
        steps.setdefault((taken.alert.place, taken.alert.incident_id), []).append(taken.alert.step)
    may_repeat = {fault.name for fault in world.faults if fault.name in WEBHOOKS} - _HARMLESS
    for chain, counted in steps.items():
        firsts = list(dict.fromkeys(counted))
        if firsts != sorted(firsts) or (not may_repeat and firsts != counted):
            yield f"webhooks: {chain} came as {counted}"
    for chain, last in last_alerts(world).items():
        got = steps.get(chain, [])
        is_owed = bool(got) or not is_over(last)  # an end is for whoever was told of the rest
        if not isinstance(last, FeedAlarm) and is_owed and last.step not in got:
            yield f"webhooks: {last.headline!r} of {chain} never came"
    if world.roles["webhooks"].lives == 1:
        every = {a.alert_id for a in all_alerts(world) if not isinstance(a, FeedAlarm)}
        missing = every - {taken.alert.alert_id for taken in world.endpoint.taken}
        if missing:
            yield f"webhooks: {len(missing)} alerts never came"
    yield from _late(world)


def _late(world: "World") -> Iterator[str]:
    decided_s = {
        heard.message.alert.alert_id: heard.at_s
        for messages in world.heard.values()
        for heard in messages
    }
    got = set[UUID]()
    for taken in world.endpoint.taken:
        alert_id = taken.alert.alert_id
        since_s = max(decided_s.get(alert_id, taken.at_s), world.last_fault_s)
        if alert_id not in got and taken.at_s - since_s > TOLD_WITHIN_S + _LONGEST_PAUSE_S:
            yield f"webhooks: {taken.alert.headline!r} took {taken.at_s - since_s:.1f} s"
        got.add(alert_id)
