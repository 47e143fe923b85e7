"""The watchdog: real processes that hang in any way end, with their stacks and a code."""

import json
import signal
import subprocess
import sys

import pytest

from skyfence.adapters.settings import Settings
from skyfence.adapters.watchdog import EXIT_HUNG, Watchdog

LONGEST_S = 60  # only ever reached when something is broken
PRELUDE = """
import asyncio, ctypes, os, signal, sys, time
from skyfence.adapters import health_file, watchdog
from skyfence.adapters.settings import load
from skyfence.cli import bootstrap

watchdog._BACKSTOP_S = 0.5

async def stuck():
    print("working", flush=True)
    {hangs}

bootstrap.serve(load(), "test", stuck, checks_first=True)
"""
WAIT = "await asyncio.Event().wait()"
DEAF = "\n".join(
    [
        "while True:",
        "        try: await asyncio.Event().wait()",
        "        except BaseException: pass",
    ]
)
FULL_PIPE = "[os.write(2, b'x' * 65_536) for _ in range(99)]"


def start(hangs: str, **limits_s: float) -> "subprocess.Popen[str]":
    """Start a process that hangs so, once it works; each limit is its variable's, in seconds."""
    limits = {f"SKYFENCE_WATCHDOG_{name.upper()}": str(value) for name, value in limits_s.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE.format(hangs=hangs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", **limits},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Return the exit code and what was written to standard error."""
    try:
        _, said = process.communicate(timeout=LONGEST_S)
    finally:
        process.kill()
    return process.returncode, said


@pytest.mark.parametrize(
    ("hangs", "limits_s", "reason"),
    [
        ("time.sleep(600)", {"loop_s": 1}, "the event loop stands still"),
        (f"health_file.refresh(None); {WAIT}", {"work_s": 1}, "there is no sign of work"),
    ],
    ids=["the loop stands still", "the loop turns, no work is done"],
)
def test_what_hangs_ends_with_its_stacks(
    hangs: str, limits_s: dict[str, float], reason: str
) -> None:
    """The code is its own, one JSON line says why, and the stacks say where."""
    code, said = ended(start(hangs, **limits_s))
    assert code == EXIT_HUNG
    first, _, stacks = said.partition("\n")
    line = json.loads(first)
    assert (line["event"], line["reason"]) == ("watchdog.expired", reason)
    assert (line["process"], line["environment"]) == ("test", "exercise")
    assert "most recent call first" in stacks
    assert ("in stuck" in stacks) == ("sleep" in hangs)


def test_what_keeps_the_interpreter_s_lock_ends() -> None:
    """No thread of Python's runs any more, and the process ends all the same."""
    code, said = ended(start("ctypes.PyDLL(None).sleep(600)", loop_s=1))
    assert code == 1
    assert "in stuck" in said


def test_who_waits_for_a_reader_of_standard_error_ends() -> None:
    """Nobody reads what a process writes: its watchdog does not wait for that."""
    process = start(FULL_PIPE, loop_s=1)
    assert process.wait(LONGEST_S) == EXIT_HUNG
    ended(process)


@pytest.mark.parametrize("hangs", ["time.sleep(600)", DEAF], ids=["loop", "deaf"])
def test_a_signal_that_is_not_obeyed_ends_the_process(hangs: str) -> None:
    """Whether the loop stands still or the work does not let itself be cancelled."""
    process = start(hangs, stop_s=1)
    process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == EXIT_HUNG
    assert "it was to stop and did not" in said


@pytest.mark.parametrize("hangs", ["time.sleep(600)", DEAF], ids=["loop", "deaf"])
def test_a_second_signal_ends_the_process_at_once(hangs: str) -> None:
    """Long before its limit, with the code that shells give such an end."""
    process = start(hangs, stop_s=600)
    process.send_signal(signal.SIGTERM)
    while process.poll() is None:  # the first may come after the second is sent: they merge
        process.send_signal(signal.SIGTERM)
    code, said = ended(process)
    assert code == 128 + signal.SIGTERM
    assert "told to stop a second time" in said


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    """Work that has ended leaves a thread behind, for which Python waits at its end."""
    hangs = "import threading; threading.Thread(target=time.sleep, args=(600,)).start()"
    script = PRELUDE.format(hangs=hangs).replace(
        "bootstrap.serve(", "run = lambda: bootstrap.serve("
    )
    main = "\nfrom skyfence import __main__\n__main__.main = run\n__main__.run()\n"
    process = subprocess.run(
        [sys.executable, "-c", script + main],
        env={"PATH": "/usr/bin:/bin", "SKYFENCE_WATCHDOG_STOP_S": "1"},
        capture_output=True,
        check=False,
        timeout=LONGEST_S,
    )
    assert process.returncode == EXIT_HUNG


def test_nothing_is_watched_before_it_begins() -> None:
    """Loading takes as long as it takes; the first sign of work begins the watching for it."""
    codes: list[int] = []
    watchdog = Watchdog(codes.append)
    limit_s = Settings().watchdog.work_s
    watchdog.poll(10 * limit_s)
    watchdog.note_work()
    watchdog.poll(limit_s - 1)
    watchdog.note_work()
    watchdog.poll(limit_s - 1)
    assert codes == []
    watchdog.poll(1)
    assert codes == [EXIT_HUNG]
