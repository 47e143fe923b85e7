"""Three brokers with three copies of everything: what is kept, and one of them dying."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from apache import Cluster, Node, settings_of
from groups import until_shared
from proc import Processes
from talk import LONGEST_S, Subscriber, drained, golden

from skyfence.adapters.files import default_file
from skyfence.adapters.kafka import admin_client
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.demo import RECORDINGS
from skyfence.cli.local.stack import edges
from skyfence.contracts.alert import Alert
from skyfence.errors import UsageError
from skyfence.naming import Environment


async def leader(settings: Settings, cluster: Cluster, topic: str) -> Node:
    """Return the node that leads the first partition of a topic."""
    async with admin_client(settings) as admin:
        [description] = await admin.describe_topics([topic])
    numbers = {
        partition["partition"]: partition["leader"] for partition in description["partitions"]
    }
    return next(node for node in cluster.nodes if node.number == numbers[0])


async def test_topics_are_kept_by_three_and_acknowledged_by_two(
    three: Cluster, redis: dict[str, Any]
) -> None:
    """All topics get three copies with min.insync.replicas 2; fewer than wanted are refused."""
    settings = settings_of(three, redis)
    await ensure_topics(settings)
    names = list(settings.topics.partitions(settings.track_partitions))
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    async with admin_client(settings) as admin:
        topics = await admin.describe_topics(names)
        answers = await admin.describe_configs(asked)
    copies = {len(part["replicas"]) for topic in topics for part in topic["partitions"]}
    assert copies == {3}
    entries = [dict(e[:2] for e in r[4]) for answer in answers for r in answer.resources]
    assert [entry["min.insync.replicas"] for entry in entries] == ["2"] * len(names)
    fewer = settings_of(three, redis, environment=Environment.ACTUAL, replication=2)
    await ensure_topics(fewer)
    with pytest.raises(UsageError, match=r"^topic [a-z.]+ has 2 copies, 3 wanted"):
        await ensure_topics(fewer.model_copy(update={"replication": 3}))


async def test_a_broker_that_dies_costs_no_alert(
    three: Cluster, redis: dict[str, Any], processes: Processes, tmp_path: Path
) -> None:
    """Kill -9 of the broker that leads track.events, amid a recording: the golden alerts, once.

    Workers and relay are kept running as ``skyfence up`` does it, and the broker stays away.
    """
    settings = settings_of(three, redis)
    await ensure_topics(settings)
    await three.in_sync()
    name = RECORDINGS[0]
    path = str(default_file("recordings", name))
    with (tmp_path / "edges.log").open("wb") as output:
        running = edges(settings, [settings.environment], output, ("worker", "relay"))
        async with running, Subscriber(settings) as operator:
            await until_shared(settings, 1)
            options = ["--speed", "100", "--run", Path(name).stem]
            replay = processes.skyfence(settings, "replay", path, *options)
            async with asyncio.timeout(LONGEST_S):
                await operator.first()
            node = await leader(settings, three, settings.topics.track_events)
            three.send(node, signal.SIGKILL)
            assert replay.poll() is None, "the recording was over before the broker died"
            assert await asyncio.to_thread(replay.wait, 2 * LONGEST_S) == 0, processes.said(replay)
            await drained(settings)
            await operator.settle()
    alerts = [message.alert for message in operator.messages]
    got, expected = [alert for alert in alerts if isinstance(alert, Alert)], golden(name)
    assert sorted(map(repr, got)) == sorted(map(repr, expected))
    for channel in {alert.channel for alert in expected}:
        own = [alert for alert in got if alert.channel == channel]
        assert own == [alert for alert in expected if alert.channel == channel]
