"""What the public of a world may hear, and must: by the policy, and by what operators commanded."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

from simulation.told import TOLD_WITHIN_S, last_alerts

from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.channel_message import is_over
from skyfence.contracts.operator_command import Release, Withdraw

if TYPE_CHECKING:
    from simulation.world import World

# After these Redis does not know what operators have decided, and asks again.
_FORGETFUL: Final = frozenset({"redis empty", "redis as it was"})


def forgets(world: "World") -> bool:
    """Tell whether Redis has lost in a world what it alone knew."""
    return any(fault.name in _FORGETFUL for fault in world.faults)


def public(world: "World") -> Iterator[str]:
    """Return what the public heard that it must not, or did not hear that it must."""
    episodes: dict[str, PlaceAlert] = {}
    for alert in last_alerts(world).values():
        if isinstance(alert, PlaceAlert) and alert.place_kind == "region":
            before = episodes.setdefault(alert.place, alert)
            episodes[alert.place] = max(before, alert, key=lambda each: each.episode)
    for region, last in episodes.items():
        yield from _region(world, region, last)
    yield from _decisions(world)


def _region(world: "World", region: str, last: PlaceAlert) -> Iterator[str]:
    heard = [each.message.alert for each in world.public[region]]
    steps: dict[UUID, list[int]] = {}
    for each in heard:
        steps.setdefault(each.incident_id, []).append(each.step)
    for counted in steps.values():
        if counted != sorted(set(counted)):  # what was held may give way to the next step
            yield f"public: {region} heard the steps {counted}"
    if last.level == "clear" and heard and not is_over(heard[-1]):
        yield f"public: {region} is clear, and last heard {heard[-1].headline!r}"
    rules = world.policy.public_rules(region)
    is_told = rules.mode == "automatic" or rules.after_deadline == "release"
    if last.level == "shelter" and is_told and not heard and not _named(world, Withdraw):
        yield f"public: {region} takes shelter, and its public heard nothing"
    if not is_told:
        released = _named(world, Release)
        for chain in steps.keys() - released:
            yield f"public: {region} heard of {chain}, which nobody released"
    yield from _late(world, region, rules.deadline_s if rules.mode == "held" else 0.0)


def _late(world: "World", region: str, deadline_s: float) -> Iterator[str]:
    for each in world.public[region]:
        published = each.message.timeline.published
        if published is None:
            continue
        since_s = max(published.timestamp() - world.kafka.epoch_s, world.last_fault_s)
        if each.at_s - since_s > TOLD_WITHIN_S + deadline_s:
            yield f"public: {region} heard {each.message.alert.headline!r} too late"


def _named(world: "World", kind: type[Release | Withdraw]) -> set[UUID]:
    """Return the episodes of which a command of a kind was given, whatever came of it."""
    episodes = {note.alert_id: note.incident_id for note in world.notes if note.kind == "public"}
    commands = [given.command for given in world.operators.given]
    named = {command.alert_id for command in commands if isinstance(command, kind)}
    return {episodes[alert] for alert in named & episodes.keys()}


def _decisions(world: "World") -> Iterator[str]:
    """Tell where what an operator was told was done of a public message is not so."""
    done: dict[type, set[UUID]] = {Release: set(), Withdraw: set()}
    for given in world.operators.given:
        command, outcome = given.command, given.outcome
        if outcome is None or outcome.outcome == "refused":
            continue
        if isinstance(command, Release | Withdraw):
            done[type(command)].add(command.alert_id)
    if forgets(world):
        return
    heard = {each.message.alert.alert_id for told in world.public.values() for each in told}
    for alert in done[Release] & done[Withdraw]:
        yield f"public: {alert} was released and withdrawn"
    for alert in done[Release] - heard:
        yield f"public: {alert} was released, and nobody heard it"
    for alert in done[Withdraw] & heard:
        yield f"public: {alert} was withdrawn, and told"
