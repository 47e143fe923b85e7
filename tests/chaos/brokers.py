"""The brokers of a fault run: Apache Kafka, one or three, or the embedded one for a quick look."""

import asyncio
import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from apache import Cluster, Node
from faults import Trouble, Victim
from proc import Processes

from skyfence.cli.local import embedded


@dataclass
class Brokers:
    """Running brokers: what settings reach them, and which of them may die, or all at once."""

    settings: dict[str, Any]
    victims: list[Victim] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    cluster: Cluster | None = None


async def brokers_of(count: int, processes: Processes, folder: Path, *, lines: int = 0) -> Brokers:
    """Start so many brokers; 0 is the embedded one. One of three may die at a time.

    So many ``lines`` lead to each, besides that of the settings; none to the embedded one.
    """
    if count == 0:
        port = embedded.free_port()
        processes.start(*embedded.kafka(port, folder, None).command.arguments)
        address = f"{embedded.HOST}:{port}"
        return Brokers(
            {"kafka": {"bootstrap": address}, "fetch_pause_ms": embedded.FETCH_PAUSE_MS},
        )
    cluster = Cluster(processes, folder, count, lines=lines)
    await cluster.start_all()
    settings = {"kafka": {"bootstrap": cluster.bootstrap}, "replication": count}
    victims = [_victim(cluster, node) for node in cluster.nodes] if count > 2 else []
    all_die = Trouble("all brokers at once: killed", functools.partial(_kill_all, cluster))
    return Brokers(settings, victims, [all_die], cluster)


async def _kill_all(cluster: Cluster, draw: Random) -> None:
    """Kill all nodes and start them again, up to a second later; return when they are in sync."""
    for node in cluster.nodes:
        cluster.send(node, signal.SIGKILL)
    await asyncio.sleep(draw.uniform(0.0, 1.0))
    await cluster.start_all()
    await cluster.in_sync()


def _victim(cluster: Cluster, node: Node) -> Victim:
    def send(number: signal.Signals) -> Callable[[], None]:
        return functools.partial(cluster.send, node, number)

    async def back() -> None:
        await cluster.answers(node)
        await cluster.in_sync()  # before it is, a second death would be more than was promised

    return Victim(
        "broker",
        kill=send(signal.SIGKILL),
        start=functools.partial(cluster.start, node),
        back=back,
        pause=send(signal.SIGSTOP),
        go_on=send(signal.SIGCONT),
    )
