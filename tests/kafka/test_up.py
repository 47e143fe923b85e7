"""`skyfence up` on a real broker serves actual tracks and exercises side by side."""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from apache import JARS, Cluster, settings_of
from proc import Processes
from talk import LONGEST_S, Subscriber, golden

from skyfence.adapters.files import default_file
from skyfence.adapters.settings import Settings
from skyfence.cli.demo import RECORDINGS
from skyfence.cli.replay import ACTUAL_WORDS
from skyfence.naming import Environment

NAME = RECORDINGS[1]


async def replayed(processes: Processes, settings: Settings, *more: str) -> Subscriber:
    """Replay a recording to the end; return the subscriber of its environment."""
    path = str(default_file("recordings", NAME))
    options = ["--speed", "max", "--run", Path(NAME).stem, "--wait", *more]
    async with Subscriber(settings) as operator:
        replay = processes.skyfence(settings, "replay", path, *options)
        assert await asyncio.to_thread(replay.wait, 2 * LONGEST_S) == 0, processes.said(replay)
        await operator.settle()
    return operator


async def test_actual_and_exercise_run_side_by_side(
    broker: Cluster, redis: dict[str, Any], processes: Processes, tmp_path: Path
) -> None:
    """The same recording as actual and as exercise gives two stories on separate channels."""
    exercise = settings_of(broker, redis, runtime_file=tmp_path / "up.json")
    actual = exercise.changed(environment=Environment.ACTUAL)
    processes.skyfence(exercise, "up")
    told = await replayed(processes, actual, "--actual", ACTUAL_WORDS)
    trained = await replayed(processes, exercise)
    assert Counter(message.alert.channel for message in trained.messages) == Counter(
        f"exercise:{message.alert.channel}" for message in told.messages
    )
    assert {message.alert.status for message in told.messages} == {"Actual"}
    assert len(golden(NAME)) <= len(told.messages)
    ids = {message.alert.alert_id for message in [*told.messages, *trained.messages]}
    assert len(ids) == len(told.messages) + len(trained.messages)


def test_up_starts_the_apache_kafka_that_is_installed(processes: Processes, tmp_path: Path) -> None:
    """With KAFKA_HOME it serves actual tracks, with its data beside Valkey's."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "libs").symlink_to(JARS)
    named = {"KAFKA_HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state")}
    up = processes.start(sys.executable, "-m", "skyfence", "up", **named)
    log = processes.log_of(0)
    until = time.monotonic() + 3 * LONGEST_S
    while "Ctrl-C ends" not in log.read_text(errors="replace"):
        assert up.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
    told = json.loads((tmp_path / "state" / "skyfence" / "up.json").read_text())
    assert told["environments"] == ["actual", "exercise"]
    assert (tmp_path / "state" / "skyfence" / "data" / "apache-kafka" / "data").is_dir()
