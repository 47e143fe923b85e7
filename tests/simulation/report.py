"""What a run over many seeds has reached: every kind of fault, every rare branch, how often.

A branch that no seed reaches proves nothing: ``SOMETIMES`` lists what a run must have seen.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from simulation.outcome import Outcome
from simulation.schedule import DEEDS

# Lines of the log, events of the subscriber, ends of processes: rare, and each a branch of its own.
SOMETIMES: Final = {
    "log message.repeated": "a message that the state covers already is passed over",
    "log checkpoint.loaded": "a worker goes on from a checkpoint",
    "log checkpoint.refused": "a worker that lost its partition is not allowed to commit",
    "log alert.repeated": "the channel drops a step that it knows",
    "log log.broken": "a log that does not go on is noticed",
    "log sink.unavailable": "the relay waits for Redis",
    "log kafka.unanswering": "the relay does not show life for a Kafka that does not answer",
    "log judging.changed": "watchers are told that reports are not judged",
    "log clock.set": "the monitor finds that the machine's clock was set",
    "log monitor.leads": "a monitor takes the lead",
    "log redis.rebuilt": "an empty Redis is given what stands",
    "log message.too_large": "a message that Kafka does not take is cut short or left out",
    "subscriber Disconnected": "a subscriber is cut off",
    "subscriber Silent": "a subscriber hears no heartbeat",
    "subscriber Unjudged": "a subscriber is told that nobody judges",
    "operator Close done": "an incident is closed by an operator",
    "operator Close refused": "a command on what is over, or without the right, is refused",
    "operator Join done": "two incidents are one by an operator's word",
    "operator Acknowledge done": "an operator takes note",
    "operator Release done": "a public message is released",
    "operator Withdraw done": "a public message is withdrawn",
    "operator Withdraw refused": "who comes second is told what was decided",
    "operator without an answer": "no desk answers within ten seconds",
    "outbox torn": "a sink dies in a commit of its outbox",
    "log delivery.in_doubt": "a webhook that was under way at a kill is sent again",
    "log delivery.put_off": "an endpoint that does not take a webhook is tried again",
    "webhooks ended: UnavailableError": "a sink ends where its disk is full",
    "watchdog ended a process": "a process that hangs is ended by its watchdog",
    "worker ended: KafkaError": "a worker ends because the broker refused a message",
    "worker ended: UnavailableError": "a worker ends to read a log anew that was cut",
    "log messages.omitted": "a worker ends to read anew what no agent was given",
}


def reached(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Return in how many worlds each kind of fault and each rare branch was reached."""
    return Counter(name for outcome in outcomes for name in outcome.events)


def never(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the faults and branches that no world has reached."""
    seen = reached(outcomes)
    wanted = [f"fault {name}" for name in DEEDS] + list(SOMETIMES)
    return [name for name in wanted if not seen[name]]


def lines(outcomes: list[Outcome], took_s: float) -> list[str]:
    """Return a report of a run that took so many seconds."""
    seen = reached(outcomes)
    steps = sum(outcome.steps for outcome in outcomes)
    slowest = max(outcomes, key=lambda outcome: outcome.slowest_s)
    failed = [outcome.seed for outcome in outcomes if outcome.broken]
    return [
        f"{len(outcomes)} worlds, {steps} steps, {took_s:.0f} s: {len(failed)} failed {failed}",
        f"slowest alert {slowest.slowest_s:.1f} s after its frame: seed {slowest.seed}",
        "faults, in how many worlds:",
        *(f"  {seen[f'fault {name}']:6d}  {name}" for name in DEEDS),
        "rare branches, in how many worlds:",
        *(f"  {seen[name]:6d}  {name}: {meaning}" for name, meaning in SOMETIMES.items()),
    ]
