"""Webhooks and Apprise as processes of their own: from Kafka to the receiver, over a kill."""

import asyncio
import json
import signal
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from receiving import episode, listening, until

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings

pytestmark = pytest.mark.integration


async def send_alerts(settings: Settings) -> None:
    """Put a chain of four on the alerts topic."""
    producer = AIOKafkaProducer(**kafka_options(settings))
    await producer.start()
    for message in episode():
        alert = message.alert
        key = str(alert.incident_id).encode()
        await producer.send_and_wait(settings.topics.alerts, alert.to_json(), key=key)
    await producer.stop()


async def begun(
    processes: Processes, settings: Settings, command: str
) -> "subprocess.Popen[bytes]":
    """Start a sink; return its process when it has read what stood on the topic before."""
    process = processes.skyfence(settings, command, "run")
    await until(lambda: '"relay.begun"' in processes.said(process), 60)
    return process


async def acknowledged(settings: Settings, sink: str) -> bool:
    """Tell whether a sink has acknowledged all alerts."""
    async with GroupProgress(settings) as progress:
        group = settings.topics.sink_group(sink)
        return await progress.left(group, settings.topics.alerts) == 0


def steps(got: list[tuple[dict[str, str], bytes]]) -> list[int]:
    """Return the steps that came, in order."""
    return [json.loads(body)["data"]["alert"]["step"] for _, body in got]


async def test_a_killed_process_loses_nothing(
    settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """What was on its way at kill -9 comes again, once, with its id; the rest once, in order."""
    (tmp_path / "hook.secret").write_text("whsec_" + "c2VjcmV0" * 4)
    path = tmp_path / "webhooks.toml"
    given = settings.model_copy(update={"webhooks_file": path})
    async with listening() as there:
        path.write_text(
            'environment = "exercise"\noutbox = "box.db"\n[[endpoint]]\nname = "hook"\n'
            f'url = "{there.url}/hook"\nsecret_files = ["hook.secret"]\n'
        )
        there.hangs("hook")
        process = await begun(processes, given, "webhooks")
        await send_alerts(settings)
        await until(lambda: len(there.got["hook"]) == 1, 60)
        await until(lambda: acknowledged(settings, "webhooks"))
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        there.says("hook", 204)
        process = processes.skyfence(given, "webhooks", "run")
        await until(lambda: len(there.got["hook"]) == 5, 60)
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait)
    assert steps(there.got["hook"]) == [1, 1, 2, 3, 4]
    first, again = (headers["webhook-id"] for headers, _ in there.got["hook"][:2])
    assert first == again
    assert code == 0, processes.said(process)
    assert "Traceback" not in processes.said(process)


async def test_apprise_is_a_process_too(
    settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """The same alerts reach people's services, in order."""
    path = tmp_path / "apprise.toml"
    given = settings.model_copy(update={"apprise_file": path})
    async with listening() as there:
        (tmp_path / "mail.url").write_text(there.url.replace("http", "json") + "/mail")
        path.write_text(
            'environment = "exercise"\noutbox = "box.db"\n[[target]]\nname = "mail"\n'
            'url_file = "mail.url"\n'
        )
        process = await begun(processes, given, "apprise")
        await send_alerts(settings)
        await until(lambda: len(there.got["mail"]) == 3, 60)  # one of four is quiet
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait)
    titles = [json.loads(body)["title"] for _, body in there.got["mail"]]
    sounding = [message.alert for message in episode() if message.alert.notify == "sound"]
    assert titles == [alert.headline for alert in sounding]
    assert code == 0, processes.said(process)
