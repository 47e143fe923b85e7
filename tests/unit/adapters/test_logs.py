"""Logs: every line one JSON object with a dotted event name, whoever speaks."""

import json
import re
import subprocess
import sys
from pathlib import Path

from repository import ROOT

PACKAGES = ("skyfence", "streams", "producers", "consumers")
SPEAK = """
import logging, structlog
from skyfence.adapters import logs
logs.configure("worker", "exercise")
structlog.get_logger().info("alert.decided", step=1)
logging.getLogger("aiokafka.conn").error("no broker at %s", "somewhere")
logging.getLogger("aiokafka.conn").info("nobody needs this")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("decode.failed")
"""


def test_every_line_is_an_event() -> None:
    """Our lines and a library's name event, process, environment, level and time, in JSON."""
    done = subprocess.run([sys.executable, "-c", SPEAK], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == [
        "alert.decided",
        "aiokafka.conn.error",
        "decode.failed",
    ]
    for line in lines:
        assert (line["process"], line["environment"]) == ("worker", "exercise")
        assert {"level", "timestamp"} <= line.keys()
    assert lines[1]["message"] == "no broker at somewhere"
    assert "ZeroDivisionError" in lines[2]["exception"]


WORKER = """
from skyfence.adapters import logs
from skyfence.adapters.files import load_policy, load_zones
from skyfence.adapters.settings import KafkaSettings, Settings
from skyfence.errors import UnavailableError
from streams.app import build
from streams.driver.process import run_until_stopped
logs.configure("worker", "exercise")
settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1"))
try:
    run_until_stopped(lambda: build(settings, load_zones(ZONES), load_policy()))
except UnavailableError:
    pass
"""


def test_faust_speaks_like_everybody(zones_file: Path) -> None:
    """A worker whose broker is away writes JSON lines only, Faust's words among them."""
    code = WORKER.replace("ZONES", f"__import__('pathlib').Path({str(zones_file)!r})")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["event"].split(".")[0] for line in lines} & {"aiokafka", "faust", "mode"}
    assert {line["process"] for line in lines} == {"worker"}
    assert done.stdout == ""


def events() -> set[str]:
    """Return the names of all events that the code logs."""
    call = re.compile(r"log\.(?:debug|info|warning|error|exception)\(\s*([^,)]+)")
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for argument in call.findall(path.read_text()):
                names |= set(re.findall(r'"([^"]*)"', argument))
    return names


def test_event_names_are_dotted() -> None:
    """An event's name is words with dots, and no sentence."""
    assert events()
    assert [name for name in events() if not re.fullmatch(r"[a-z]+(\.[a-z_]+)+", name)] == []
