"""The brokers of a fault run: Apache Kafka, one or three, or the embedded one for a quick look."""

import functools
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apache import Cluster, Node
from faults import Victim
from proc import Processes

from skyfence.cli.local import embedded


@dataclass
class Brokers:
    """Running brokers: what settings reach them, and which of them may die."""

    settings: dict[str, Any]
    victims: list[Victim] = field(default_factory=list)


async def brokers_of(count: int, processes: Processes, folder: Path) -> Brokers:
    """Start so many brokers; 0 is the embedded one. One of three may die at a time."""
    if count == 0:
        port = embedded.free_port()
        processes.start(*embedded.kafka(port, folder, None).command.arguments)
        address = f"{embedded.HOST}:{port}"
        return Brokers(
            {"kafka": {"bootstrap": address}, "fetch_pause_ms": embedded.FETCH_PAUSE_MS},
        )
    cluster = Cluster(processes, folder, count)
    await cluster.start_all()
    settings = {"kafka": {"bootstrap": cluster.bootstrap}, "replication": count}
    victims = [_victim(cluster, node) for node in cluster.nodes] if count > 2 else []
    return Brokers(settings, victims)


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
