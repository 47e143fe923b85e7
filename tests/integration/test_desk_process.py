"""Operators at the command line, and a desk that is killed: processes as in real use."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from builders import place_alert
from proc import Processes
from pydantic import SecretStr
from redis.asyncio import Redis
from talk import LONGEST_S, golden, stored
from words import ENGLISH

from skyfence.adapters.kafka import producer
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, environment_of
from skyfence.contracts.alert import Alert, AnyAlert, PlaceAlert
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment
from skyfence.operators.public_text import public_alert

pytestmark = pytest.mark.integration

PATTERN = next(
    alert
    for alert in golden("romania-2024-09-08.jsonl")
    if alert.place == "RO-TL" and alert.response_type == "Shelter"
)
INCIDENT = str(derive("incident", 1))


def alert(step: int, **changes: Any) -> Alert:
    """Return a step of an incident's chain for Tulcea."""
    own = {"alert_id": derive("alert", 1, step), "incident_id": INCIDENT, "step": step}
    return Alert.model_validate(PATTERN.model_dump() | own | {"references": ()} | changes)


def state(step: int) -> PlaceAlert:
    """Return a step of Tulcea's episode."""
    return place_alert("shelter", step, place="RO-TL", environment=Environment.EXERCISE)


async def decide(settings: Settings, *alerts: AnyAlert) -> None:
    """Put alerts on their topic, as the incident agent does."""
    sender = producer(settings)
    await sender.start()
    try:
        for alert in alerts:
            key = str(alert.incident_id).encode()
            await sender.send_and_wait(settings.topics.alerts, alert.to_json(), key=key)
    finally:
        await sender.stop()


async def skyfence(settings: Settings, *words: str) -> tuple[int, str]:
    """Run a command to its end; return its exit code and all that it said."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "skyfence", *words, "--exercise"],
        env=environment_of(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return done.returncode, done.stdout


async def added(settings: Settings, name: str, *may: str) -> Settings:
    """Make an operator for Tulcea; return the settings that the command tells."""
    rights = [word for right in may for word in ("--may", right)]
    code, said = await skyfence(settings, "operators", "add", name, "--channels", "RO-TL", *rights)
    assert code == 0, said
    told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return settings.changed(
        redis={
            "user": told["SKYFENCE_REDIS_USER"],
            "password": SecretStr(told["SKYFENCE_REDIS_PASSWORD"]),
        }
    )


async def until(redis: Redis, holds: Callable[[list[bytes]], bool], key: str) -> None:
    """Wait until what a hash holds is as wanted."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            asked: Any = redis.hvals(key)
            if holds(await asked):
                return
            await asyncio.sleep(0.05)


async def test_commands_are_answered_and_survive_a_killed_desk(
    settings: Settings, processes: Processes
) -> None:
    """Exit codes tell done, refused and unanswered; a desk killed with work to do leaves none."""
    settings = settings.model_copy(update={"zones": None})
    channel = Channel(settings.environment, Audience.OPERATORS, "RO-TL")
    public = Channel(settings.environment, Audience.PUBLIC, "RO-TL")
    redis = await connect(settings)
    anna = await added(settings, "anna", "close", "release")
    bob = await added(settings, "bob")
    assert (await skyfence(settings, "operators", "add", "eve", "--channels", "XX-9"))[0] == 2
    processes.skyfence(settings, "relay")
    desk = processes.skyfence(settings, "desk")
    await decide(settings, alert(1), state(1))
    await until(redis, bool, channel.active)
    await until(redis, bool, "exercise:held")

    assert await skyfence(bob, "ack", INCIDENT) == (0, "acknowledged on RO-TL\n")
    code, said = await skyfence(bob, "close", INCIDENT, "--reason", "found")
    assert (code, "bob has no right to close" in said) == (1, True)
    desk.kill()
    desk.wait()
    waits = public_alert(state(1), {}, ENGLISH.public)
    assert waits is not None
    code, said = await skyfence(anna, "release", str(waits.alert_id))
    assert (code, "no desk has answered" in said) == (3, True), said
    assert await redis.xlen(public.stream) == 0

    processes.skyfence(settings, "desk")
    lost = alert(2, incident_state="lost", message_type="Update")
    await decide(settings, lost, state(2))
    await until(
        redis, lambda values: any(b'"released"' in value for value in values), "exercise:held"
    )
    await until(redis, lambda values: any(b'"step":2' in value for value in values), public.active)
    await until(redis, lambda values: any(b'"lost"' in value for value in values), channel.active)
    code, said = await skyfence(anna, "close", INCIDENT, "--reason", "found in a field")
    assert code == 0, said
    [word] = await stored(settings, settings.topics.track_events, 1)
    assert (word["kind"], word["by"], word["reason"]) == ("closed", "anna", "found in a field")
    assert await redis.xlen(public.stream) == 2
    await redis.aclose()
