"""Apache Kafka on loopback, from the jars that ``make test-kafka`` fetched: KRaft, 1 or 3 nodes.

Each node is broker and controller, with a small heap and its data in a folder. A node can be
killed, paused and started again with the data it has.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from proc import Processes
from repository import ROOT

from skyfence.adapters.settings import KafkaSettings, RedisSettings, Settings
from skyfence.cli.local.apache_kafka import LOGGING
from skyfence.cli.local.embedded import HOST, free_port
from skyfence.naming import Environment

JARS = ROOT / ".cache" / "kafka"
_CLUSTER_ID = "c2t5ZmVuY2UtdGVzdHMtMQ"
# Quick to start and small: these nodes hold some MB for some minutes.
_JAVA = ("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_START_S = 90.0
_LOOK_AGAIN_S = 0.1


@dataclass
class Node:
    """One node: its properties, its ports, and the process that runs it now.

    ``inner_port`` is for the other nodes and for this launcher, whatever clients must know. Of each
    line ``lines`` has the port that its clients are told, where a test must listen, and the node's
    own behind it.
    """

    number: int
    folder: Path
    port: int
    inner_port: int
    controller_port: int
    lines: Sequence[tuple[int, int]] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Return where clients find it."""
        return f"{HOST}:{self.port}"

    @property
    def inner_address(self) -> str:
        """Return where the other nodes find it."""
        return f"{HOST}:{self.inner_port}"

    @property
    def properties(self) -> Path:
        """Return its configuration file."""
        return self.folder / "server.properties"


@dataclass
class Cluster:
    """Some nodes that know each other. ``extra`` are further broker properties.

    ``lines`` counts further ways to reach each of them, for clients of their own, through what a
    test puts between.
    """

    processes: Processes
    folder: Path
    count: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)
    scram: Sequence[str] = ()  # users that exist from the beginning, as StorageTool takes them
    protocol: str = "PLAINTEXT"
    lines: int = 0
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Lay out the nodes and write their configuration."""
        for number in range(1, self.count + 1):
            home = self.folder / f"kafka-{number}"
            home.mkdir(parents=True)
            lines = [(free_port(), free_port()) for _ in range(self.lines)]
            self.nodes.append(Node(number, home, free_port(), free_port(), free_port(), lines))
        for node in self.nodes:
            (node.folder / "log4j2.properties").write_text(LOGGING)
            text = [f"{name}={value}" for name, value in self._properties(node).items()]
            node.properties.write_text("\n".join(text) + "\n")
            self._format(node)

    @property
    def bootstrap(self) -> str:
        """Return all nodes' addresses."""
        return ",".join(node.address for node in self.nodes)

    def line_bootstrap(self, number: int) -> str:
        """Return all nodes' addresses as the clients of a line know them."""
        return ",".join(f"{HOST}:{node.lines[number][0]}" for node in self.nodes)

    @property
    def inner_bootstrap(self) -> str:
        """Return all nodes' inner addresses."""
        return ",".join(node.inner_address for node in self.nodes)

    def start(self, node: Node) -> None:
        """Start a node, with the data it has."""
        command = [*self._java(node), "kafka.Kafka", str(node.properties)]
        node.process = self.processes.start(*command)

    def send(self, node: Node, number: signal.Signals) -> None:
        """Send a node a signal: SIGKILL or SIGTERM (and wait), SIGSTOP or SIGCONT."""
        assert node.process is not None
        os.killpg(node.process.pid, number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            node.process.wait()

    async def answers(self, node: Node) -> None:
        """Return when a node serves clients; raise if it ended or takes too long."""

        async def serves(admin: AIOKafkaAdminClient) -> bool:
            brokers = (await admin.describe_cluster())["brokers"]
            return node.number in {broker["node_id"] for broker in brokers}

        def lives() -> None:
            assert node.process is not None
            assert node.process.poll() is None, f"node {node.number}: see {self.folder}"

        await _until(node.inner_address, serves, lives)

    async def in_sync(self) -> None:
        """Return when every copy of every partition is in sync: one more node may die then."""

        async def all_copies(admin: AIOKafkaAdminClient) -> bool:
            topics = await admin.describe_topics(await admin.list_topics())
            partitions = [partition for topic in topics for partition in topic["partitions"]]
            return all(
                len(partition["isr"]) == len(partition["replicas"]) for partition in partitions
            )

        await _until(self.inner_bootstrap, all_copies)

    async def start_all(self) -> None:
        """Start all nodes and return when each answers."""
        for node in self.nodes:
            self.start(node)
        await asyncio.gather(*(self.answers(node) for node in self.nodes))

    def _java(self, node: Node) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={node.folder / 'log4j2.properties'}"
        return [*_JAVA, logging, "-cp", f"{JARS}/*"]

    def _format(self, node: Node) -> None:
        users = [part for user in self.scram for part in ("--add-scram", user)]
        command = [*self._java(node), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID]
        subprocess.run(
            [*command, "-c", str(node.properties), *users], check=True, capture_output=True
        )

    def _properties(self, node: Node) -> dict[str, str]:
        copies = min(3, self.count)
        voters = ",".join(f"{node.number}@{HOST}:{node.controller_port}" for node in self.nodes)
        lines = [f"LINE{number}" for number in range(self.lines)]
        clients = f"CLIENTS://{node.address},NODES://{node.inner_address}"
        own = [f",{line}://{HOST}:{own}" for line, (_, own) in zip(lines, node.lines, strict=True)]
        told = [f",{line}://{HOST}:{to}" for line, (to, _) in zip(lines, node.lines, strict=True)]
        return {
            "process.roles": "broker,controller",
            "node.id": str(node.number),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "NODES",
            "listeners": f"{clients},CONTROLLER://{HOST}:{node.controller_port}{''.join(own)}",
            "advertised.listeners": f"{clients}{''.join(told)}",
            "listener.security.protocol.map": (
                f"CLIENTS:{self.protocol},CONTROLLER:PLAINTEXT,NODES:PLAINTEXT"
                + "".join(f",{line}:{self.protocol}" for line in lines)
            ),
            "log.dirs": str(node.folder / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": str(copies),
            "min.insync.replicas": str(max(1, copies - 1)),
            # Half of Kafka's default: as long as a node that died is still taken for a leader.
            "broker.session.timeout.ms": "4500",
            "broker.heartbeat.interval.ms": "500",
            "offsets.topic.replication.factor": str(copies),
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": str(copies),
            "transaction.state.log.min.isr": str(max(1, copies - 1)),
            "transaction.state.log.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "3000",
            "num.network.threads": "2",
            "num.io.threads": "2",
            **self.extra,
        }


def settings_of(cluster: Cluster, redis: Mapping[str, Any], **changes: Any) -> Settings:
    """Return the settings of an exercise on a cluster, with as many copies as it can keep."""
    made = Settings(
        environment=Environment.EXERCISE,
        kafka=KafkaSettings(bootstrap=cluster.bootstrap),
        redis=RedisSettings.model_validate(redis),
        replication=min(3, cluster.count),
        track_partitions=4,
        worker_slot="0",
    )
    return made.changed(**changes)


async def _until(
    bootstrap: str,
    holds: Callable[[AIOKafkaAdminClient], Awaitable[bool]],
    check: Callable[[], None] = lambda: None,
) -> None:
    """Return when something holds of a cluster; ``check`` raises where waiting is in vain."""
    async with asyncio.timeout(_START_S):
        while True:
            check()
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            try:
                await admin.start()
                if await holds(admin):
                    return
            except (KafkaError, OSError):
                pass  # not yet: the next look says more
            finally:
                await admin.close()
            await asyncio.sleep(_LOOK_AGAIN_S)
