"""The whole skyfence as its user runs it: `skyfence demo`, `up`, `replay`, `watch`, `scan`."""

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from proc import Processes
from repository import ZONES
from talk import LONGEST_S, Subscriber, entry, golden

from skyfence.adapters.files import default_file
from skyfence.adapters.kafka import embedded_is_no_place
from skyfence.adapters.settings import Settings
from skyfence.cli.demo import RECORDINGS
from skyfence.cli.local import runtime_file
from skyfence.contracts.alert import AnyAlert, parse_alert
from skyfence.naming import Environment

pytestmark = pytest.mark.integration
SKYFENCE = (sys.executable, "-m", "skyfence")


def say(pattern: str, log: Path) -> None:
    """Return when a process has said something."""
    until = time.monotonic() + LONGEST_S
    while pattern not in log.read_text(errors="replace"):
        assert time.monotonic() < until, log.read_text(errors="replace")


def scan(*arguments: str) -> list[AnyAlert]:
    """Return the alerts that the engine alone gives, of places and of incidents."""
    done = subprocess.run([*SKYFENCE, "scan", *arguments], capture_output=True, check=True)
    return [parse_alert(line) for line in done.stdout.splitlines()]


def chains(alerts: Iterable[AnyAlert]) -> dict[tuple[str, UUID], list[AnyAlert]]:
    """Return the messages of each chain on each channel, in order."""
    by_chain: dict[tuple[str, UUID], list[AnyAlert]] = {}
    for alert in alerts:
        by_chain.setdefault((alert.channel, alert.incident_id), []).append(alert)
    return by_chain


def test_the_demo_tells_both_incidents_and_leaves_nothing(processes: Any) -> None:
    """`skyfence demo --json` ends with exit 0, the counts the two incidents demand, no process."""
    with (processes.folder / "out").open("wb") as output:
        process = subprocess.Popen(
            [*SKYFENCE, "demo", "--json", "--speed", "2000"],
            stdout=output,
            env=os.environ | {"TEST_MARK": processes.mark},
        )
        processes.started.append(process)
        assert process.wait(LONGEST_S) == 0
    counts = json.loads((processes.folder / "out").read_text().splitlines()[-1])
    # What each incident's golden file says, and the situation that the two of them are.
    alerts = [alert for name in RECORDINGS for alert in golden(name)]
    expected = Counter(alert.channel for alert in alerts)
    assert counts["alerts_per_channel"] == expected + Counter({"exercise:alerts:NATO": 1})
    lines = [sum(1 for _ in default_file("recordings", name).open()) for name in RECORDINGS]
    assert counts["reports"] == sum(lines)
    assert counts["alerts"] == len(alerts) + 1
    assert counts["rejected"] == 0
    assert len(counts["incidents_open"]) == 1
    assert processes.left() == []


def test_ctrl_c_ends_the_demo_and_leaves_nothing(processes: Any) -> None:
    """Interrupted in the middle of the replay, the demo exits 130 and no process stays."""
    process = processes.start(*SKYFENCE, "demo", "--speed", "1")
    say("event time", processes.log_of(0))
    assert len(processes.left()) >= 4
    process.send_signal(signal.SIGINT)
    assert process.wait(LONGEST_S) == 130
    assert processes.left() == []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: Any) -> Iterator[Any]:
    """Yield the processes of a running `skyfence up` whose runtime file our commands find."""
    folder = tmp_path_factory.mktemp("up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        started = Processes(folder)
        process = started.start(*SKYFENCE, "up")
        try:
            say("Ctrl-C ends", started.log_of(0))
            yield started
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST_S) == 143
            assert started.left() == []
            assert not Settings().runtime_file.exists()
        finally:
            started.end()


async def replayed(recording: Path | str, run: str) -> Any:
    """Replay a recording to the end; return the subscriber that listened."""
    settings = runtime_file.reach(Environment.EXERCISE)
    async with Subscriber(settings) as operator:
        arguments = [str(recording), "--speed", "max", "--run", run, "--wait"]
        process = await asyncio.create_subprocess_exec(*SKYFENCE, "replay", *arguments)
        async with asyncio.timeout(LONGEST_S):
            assert await process.wait() == 0
        await operator.settle()
    return operator


async def test_the_pipeline_says_what_the_engine_says(stack: Any) -> None:
    """For both recordings, what comes through Kafka and Redis is the engine's, chain by chain."""
    for name in RECORDINGS:
        path, run = default_file("recordings", name), Path(name).stem
        operator = await replayed(path, run)
        expected = chains(scan(str(path), "--run", run))
        assert chains(message.alert for message in operator.messages) == expected
        states = [state.level for state in operator.states() if state.place_kind == "region"]
        assert "shelter" in states


def test_the_embedded_broker_serves_no_actual_tracks(
    stack: Any, processes: Any, settings: Settings
) -> None:
    """Commands, processes and `up` itself refuse the actual world there, and say what to do."""
    path = str(default_file("recordings", RECORDINGS[1]))
    replay = ("replay", path, "--actual", "this is not an exercise")
    actual = {"SKYFENCE_ENVIRONMENT": "actual"}
    named = actual | {"SKYFENCE_KAFKA_BOOTSTRAP": settings.kafka.bootstrap}
    apart = {"XDG_STATE_HOME": str(processes.folder)}
    refusal = f"skyfence: {embedded_is_no_place(settings)}"
    asked: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (replay, {}),
        (("watch", "all"), {}),
        (("worker",), named),
        (("up",), actual | apart),
    ]
    for arguments, variables in asked:
        done = subprocess.run(
            [*SKYFENCE, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | variables,
        )
        assert (done.returncode, done.stderr.splitlines()[-1]) == (2, refusal)


def test_the_runtime_file_is_the_users_own(stack: Any) -> None:
    """Nobody else may read what `up` and its servers write, and a second `up` is refused."""
    written = [Settings().data_dir, *Settings().data_dir.rglob("*"), Settings().runtime_file]
    assert {"appendonlydir", "users.acl", "valkey.conf"} <= {path.name for path in written}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in written} == {0}
    second = subprocess.run([*SKYFENCE, "up"], capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert (
        second.stderr == f"skyfence: skyfence up runs already, as process {stack.started[0].pid}\n"
    )


async def test_a_worker_that_dies_comes_back(stack: Any, processes: Any) -> None:
    """After kill -9 of all that `up` runs of ours, a replay is told as if nothing had happened."""
    path = default_file("recordings", RECORDINGS[1])
    await replayed(path, "before")
    children = [pid for pid in stack.left() if b"-m\0skyfence" in command_of(pid)]
    children.remove(stack.started[0].pid)
    assert len(children) == 4
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    operator = await replayed(path, "after")
    assert len(operator.messages) == len(scan(str(path)))


def test_watch_shows_an_operator_its_regions_only(stack: Any, processes: Any) -> None:
    """`skyfence watch RO-TL --exercise` shows a banner and that region's messages."""
    watching = processes.start(*SKYFENCE, "watch", "RO-TL", "--exercise")
    log = processes.log_of(0)
    say("event time", log)
    path = str(default_file("recordings", RECORDINGS[1]))
    expected = [alert for alert in scan(path) if alert.place == "RO-TL"]
    subprocess.run([*SKYFENCE, "replay", path, "--speed", "max"], check=True)
    for end in {alert.step for alert in expected if alert.message_type == "Cancel"}:
        say(f"Cancel {end} ", log)
    watching.send_signal(signal.SIGINT)
    assert watching.wait(LONGEST_S) == 130
    text = log.read_text()
    assert "these alerts are not real" in text
    # Beside them stands what the desk notes on the public's messages.
    shown = re.findall(r"RO-TL +((?:Alert|Update|Cancel) \d+)", text)
    assert Counter(shown) == Counter(f"{a.message_type} {a.step}" for a in expected)
    assert set(re.findall(r"[A-Z]{2}-[A-Z]{2} ", text)) == {"RO-TL "}


def test_a_port_in_use_is_named(processes: Any, settings: Settings) -> None:
    """`skyfence up` on a port that somebody has says which, and exits 2."""
    port = settings.kafka.bootstrap.split(":")[1]
    arguments = [*SKYFENCE, "up", "--kafka-port", port, "--data", str(processes.folder)]
    apart = os.environ | {"XDG_STATE_HOME": str(processes.folder)}
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=apart)
    assert done.returncode == 2
    assert done.stderr == f"skyfence: port {port} on 127.0.0.1: address already in use\n"


def test_an_incident_survives_being_framed_one_by_one(tmp_path: Path) -> None:
    """A recording from a pipe, judged line by line, alerts like the file."""
    lines = "".join(json.dumps(row) + "\n" for row in entry("T1"))
    path = tmp_path / "one.jsonl"
    path.write_text(lines)
    zones = str(ZONES)
    piped = subprocess.run(
        [*SKYFENCE, "scan", "-", "--zones", zones],
        input=lines.encode(),
        capture_output=True,
        check=True,
    )
    assert [parse_alert(line) for line in piped.stdout.splitlines()] == scan(
        str(path), "--zones", zones
    )


def command_of(pid: int) -> bytes:
    """Return a process's command line."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
