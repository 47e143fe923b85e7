"""The SMS sink behind Kafka: offsets follow the outbox, and lists may stand in Redis."""

import asyncio
import json
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from prometheus_client import REGISTRY
from receiving import HandClock, episode, listening, until
from sms_rig import (
    EN_NUMBER,
    LV_NUMBER,
    NAMES,
    RO_NUMBER,
    TEXTS,
    SmsRig,
    changed,
    gateway_file,
    open_rig,
)

from consumers.outbox.items import ItemState
from consumers.outbox.outbox import Outbox
from consumers.relay import Relay
from consumers.sink import OpenSink
from consumers.sms import recipient_lists
from consumers.sms.rules.recipients import KnownPlaces
from skyfence.adapters.clock import WallClock
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage
from skyfence.errors import InputError
from skyfence.naming import operators_channel, sms_opt_outs_key, sms_recipients_key

pytestmark = pytest.mark.integration


async def send(settings: Settings, messages: Sequence[AlertMessage], decided_ms: int) -> None:
    """Put alerts on the topic, as they were decided then."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    await producer.start()
    decided = [("decided", str(decided_ms).encode())]
    for message in messages:
        value, key = message.alert.to_json(), str(message.alert.incident_id).encode()
        await producer.send_and_wait(settings.topics.alerts, value, key=key, headers=decided)
    await producer.stop()


async def send_story(settings: Settings) -> int:
    """Put an open episode of each place on the topic; return how many alerts that is."""
    places = ("AA-1", "AA", "NATO")
    messages = [message for place in places for message in episode(place=place)[:-1]]
    await send(settings, messages, HandClock().now_ms())
    return len(messages)


def failures() -> float:
    """Return how often a sink took no alert."""
    return REGISTRY.get_sample_value("skyfence_sink_failures_total") or 0.0


async def acknowledged(settings: Settings, group: str) -> bool:
    """Tell whether a group has acknowledged all alerts."""
    async with GroupProgress(settings) as progress:
        return await progress.left(group, settings.topics.alerts) == 0


async def carry(settings: Settings, rig: SmsRig, group: str) -> None:
    """Carry all there is to a desk, and stop."""
    running = asyncio.create_task(Relay(settings, OpenSink(sink=rig.sink, group=group)).run())
    await until(lambda: acknowledged(settings, group))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_alerts_reach_phones_once_over_a_kill(settings: Settings, tmp_path: Path) -> None:
    """What was acknowledged stands in the outbox; a process that died leaves nothing out.

    Two gateways have a group each, so the one takes nothing from the other.
    """
    await send_story(settings)
    group = settings.topics.sink_group("sms-duty")
    async with open_rig(tmp_path / "o.db") as killed:  # never sends anything
        await carry(settings, killed, group)
        put = len(await killed.entries())
    async with open_rig(tmp_path / "o.db") as rig:
        rig.start()
        await rig.until_state(ItemState.SUBMITTED, 4)  # one has two places
        numbers = {number for number, _ in rig.gateway.numbers_and_texts()}
        assert numbers == {RO_NUMBER, LV_NUMBER, EN_NUMBER}
        assert len({sms.key for sms in rig.gateway.taken}) == len(rig.gateway.taken)
        assert len(await rig.entries()) == put
    async with open_rig(tmp_path / "other.db") as other:
        await carry(settings, other, settings.topics.sink_group("sms-other"))
        assert len(await other.entries()) == put


async def test_the_offset_waits_for_the_outbox(settings: Settings, tmp_path: Path) -> None:
    """An outbox that takes nothing lets nothing be acknowledged."""
    count = await send_story(settings)
    group = settings.topics.sink_group("sms-duty")
    async with open_rig(tmp_path / "o.db") as rig:
        await rig.outbox._database.execute("DROP TABLE items")
        before = failures()
        running = asyncio.create_task(Relay(settings, OpenSink(sink=rig.sink, group=group)).run())
        await until(lambda: failures() >= before + 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with GroupProgress(settings) as progress:
        assert await progress.left(group, settings.topics.alerts) == count


async def test_lists_in_redis_are_read_each_time(settings: Settings, tmp_path: Path) -> None:
    """Recipients and opt-outs as they stand there now; what is wrong leaves the old list."""
    redis = await connect(settings)
    file = gateway_file(recipients="redis", opt_outs="redis", outbox=str(tmp_path / "o.db"))
    environment = settings.environment
    known = KnownPlaces(TEXTS.languages, NAMES)
    people = recipient_lists.recipients(file, environment, known, redis)
    opt_outs = recipient_lists.opt_outs(file, environment, redis)
    key = sms_recipients_key(environment, "duty")
    await redis.hset(key, RO_NUMBER, "xx AA-1")
    with pytest.raises(InputError, match=r"redis exercise:sms:recipients:duty: \+40"):
        await people.get()
    await redis.hset(key, RO_NUMBER, "ro AA-1")
    assert [recipient.places for recipient in (await people.get()).recipients] == [("AA-1",)]
    await redis.hset(key, LV_NUMBER, "lv AA-9")
    assert len((await people.get()).recipients) == 1
    assert await opt_outs.get() == frozenset()
    await redis.sadd(sms_opt_outs_key(environment), RO_NUMBER)
    assert await opt_outs.get() == {RO_NUMBER}
    await redis.aclose()


def write_gateway(folder: Path, url: str) -> Path:
    """Write the files of a gateway with an HTTP interface; return its own."""
    (folder / "people.csv").write_text(
        f"number,language,places\n{RO_NUMBER},ro,AA-N\n{LV_NUMBER},lv,AA-N\n"
    )
    (folder / "none.txt").write_text("")
    path = folder / "duty.toml"
    path.write_text(f"""
name = "duty"
exercises = true
adapter = "http"
recipients = "people.csv"
opt_outs = "none.txt"
outbox = "out.db"

[http]
url = "{url}/sms"
json = {{ to = "{{number}}", body = "{{text}}" }}
""")
    return path


async def test_the_whole_command_over_a_kill(
    settings: Settings, tmp_path: Path, processes: Processes
) -> None:
    """`skyfence sms run` is killed while it sends: what is severe is sent again, once, and ends."""
    place = {"place": "AA-N", "channel": operators_channel(settings.environment, "AA-N")}
    first = changed(episode(place="AA-1")[0], severity="Severe", **place)
    await send(settings, [first], WallClock().now_ms())
    async with listening() as listener:
        listener.hangs("sms")
        path = write_gateway(tmp_path, listener.url)
        killed = processes.skyfence(settings, "sms", "run", str(path))
        await until(lambda: len(listener.got["sms"]) == 2)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        listener.says("sms", 202)
        running = processes.skyfence(settings, "sms", "run", str(path))
        await until(lambda: len(listener.got["sms"]) == 4)
        async with Outbox.open(tmp_path / "out.db") as outbox:
            await until(lambda: submitted(outbox, 2))
        running.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.wait, 20) == 0
    texts = {json.loads(body)["to"]: json.loads(body)["body"] for _, body in listener.got["sms"]}
    assert texts[RO_NUMBER].startswith("EXERCIȚIU: North: ")
    assert texts[LV_NUMBER].startswith("MĀCĪBAS: North: ")
    logged = processes.said(killed) + processes.said(running)
    assert logged.count('"sms.in_doubt"') == 2
    assert RO_NUMBER[1:] not in logged


async def submitted(outbox: Outbox, count: int) -> bool:
    """Tell whether so many messages stand submitted."""
    return (await outbox.state_counts())[ItemState.SUBMITTED] == count
