"""The webhook sink at work: real endpoints, a real outbox, a clock by hand."""

import asyncio
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import REGISTRY
from receiving import HandClock, Listener, listening, story, until
from repository import DOCS
from structlog.testing import capture_logs

from consumers.outbox.items import ItemState
from consumers.outbox.outbox import Outbox
from consumers.outgoing import dispatcher as dispatcher_module
from consumers.outgoing.dispatcher import DeliveryOutcome, Dispatcher
from consumers.outgoing.reloading import LoadedReceivers, ReloadingSink
from consumers.outgoing.sink import OutboxSink
from consumers.webhooks.endpoint import SINK, Endpoint, load
from consumers.webhooks.http_post import open_session
from skyfence.cli.outgoing import dead
from skyfence.contracts.alert import AlertMessage
from skyfence.naming import Environment

EXERCISE = Environment.EXERCISE
NEW, OLD = "whsec_" + "bmV3bmV3" * 4, "whsec_" + "b2xkb2xk" * 4
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PAGE = DOCS / "webhooks.md"


def accept() -> Callable[..., Any]:
    """Return the receiver that the docs tell others to write."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace["accept"]  # type: ignore[no-any-return]


def write(
    folder: Path, urls: dict[str, str], environment: Environment = EXERCISE, **more: Any
) -> Path:
    """Write a file of webhooks with these endpoints."""
    (folder / "new.secret").write_text(NEW)
    (folder / "old.secret").write_text(OLD + "\n")
    lines = [f'environment = "{environment}"', 'outbox = "box.db"']
    for name, url in urls.items():
        lines += ["[[endpoint]]", f'name = "{name}"', f'url = "{url}"']
        lines += ['secret_files = ["new.secret", "old.secret"]']
        lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    path = folder / "webhooks.toml"
    path.write_text("\n".join(lines))
    return path


@dataclass
class Work:
    """The sink, and what is behind it."""

    sink: OutboxSink
    outbox: Outbox
    clock: HandClock
    running: "asyncio.Task[None]"

    async def take(self, *messages: AlertMessage) -> list[int | None]:
        """Have the sink take alerts, as the relay does."""
        return [await self.sink.deliver(message) for message in messages]

    async def stands(self, state: ItemState, count: int) -> None:
        """Return when so many items stand in a state."""

        async def so() -> bool:
            return (await self.outbox.state_counts())[state] == count

        await until(so)

    async def put_off(self) -> None:
        """Return when all that might be sent has been tried, and is due again later."""

        async def so() -> bool:
            due_ms = await self.outbox.next_due_ms(in_order=True)
            under_way = (await self.outbox.state_counts())[ItemState.SUBMITTING]
            return not under_way and due_ms is not None and due_ms > self.clock.now_ms()

        await until(so)


@asynccontextmanager
async def at_work(
    path: Path,
    clock: HandClock | None = None,
    environment: Environment = EXERCISE,
    receivers: LoadedReceivers | None = None,
) -> AsyncIterator[Work]:
    """Run the sink of a file, from opening its outbox to the last attempt."""
    clock = clock or HandClock()
    async with open_session() as session:

        async def read() -> LoadedReceivers:
            return await load(path, environment, session)

        loaded = receivers or await read()
        async with Outbox.open(loaded.outbox) as outbox:
            dispatcher = Dispatcher(outbox, SINK, environment, clock, Random(5))
            serving = ReloadingSink(dispatcher, read, loaded, clock)
            running = asyncio.create_task(serving.run())
            sink = OutboxSink(outbox, dispatcher, environment, clock)
            try:
                yield Work(sink, outbox, clock, running)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def steps(listener: Listener, name: str) -> list[int]:
    """Return the steps that came to a path, in order."""
    return [json.loads(body)["data"]["alert"]["step"] for _, body in listener.got[name]]


async def test_a_receiver_written_from_the_docs_accepts_it(tmp_path: Path) -> None:
    """The docs' few lines verify what is sent, with either of two secrets, and know a double."""
    chain = story()
    async with (
        listening() as there,
        at_work(write(tmp_path, {"hook": there.url + "/hook"})) as work,
    ):
        await work.take(*chain)
        await work.stands(ItemState.DELIVERED, 4)
        sent_s = work.clock.now_ms() // 1000
    for secret in (NEW, OLD):
        seen: set[str] = set()
        events = [accept()(*got, secret, sent_s, seen) for got in there.got["hook"]]
        assert [event["id"] for event in events] == [
            str(message.alert.alert_id) for message in chain
        ]
        assert accept()(*there.got["hook"][0], secret, sent_s, seen) is None
    headers, body = there.got["hook"][0]
    assert headers["content-type"].startswith("application/cloudevents+json")
    for forged, secret, at_s in (
        (body + b" ", NEW, sent_s),
        (body, "whsec_" + "eHh4" * 8, sent_s),
        (body, NEW, sent_s + 301),
    ):
        with pytest.raises(ValueError, match=r"not ours|too old"):
            accept()(headers, forged, secret, at_s, set())


async def test_an_alert_is_put_once(tmp_path: Path) -> None:
    """What Kafka hands out again is known, and sent to nobody again."""
    chain = story()
    async with (
        listening() as there,
        at_work(write(tmp_path, {"hook": there.url + "/hook"})) as work,
    ):
        assert await work.take(chain[0], chain[0], chain[1]) == [1, None, 1]
        await work.stands(ItemState.DELIVERED, 2)
    assert steps(there, "hook") == [1, 2]


async def test_endpoints_hear_what_they_want(tmp_path: Path) -> None:
    """Places by pattern and events by name; nobody's wish changes what others hear."""
    async with listening() as there:
        path = write(tmp_path, {"hook": there.url + "/hook"}, places=["B*", "AA-1"])
        async with at_work(path) as work:
            assert await work.take(story()[0], *story(place="AA-1")) == [0, 1, 1, 1, 1]
            await work.stands(ItemState.DELIVERED, 4)
    path.write_text(path.read_text().replace('"B*"', '"*"') + '\nevents = ["sensor feed silent"]')
    async with at_work(path) as work:
        assert await work.take(story()[0]) == [0]


async def test_a_later_step_waits_for_the_earlier(tmp_path: Path) -> None:
    """While a step is refused its chain waits, and another chain of the endpoint goes on."""
    async with listening() as there:
        there.says("hook", 400, 404, 204)
        async with at_work(write(tmp_path, {"hook": there.url + "/hook"}, window=1)) as work:
            await work.take(*story())
            await work.put_off()
            there_now = len(there.got["hook"])
            work.clock.advance(MINUTE)
            await until(lambda: len(there.got["hook"]) == 2)
            await work.put_off()
            await work.take(*story("T2"))
            await work.stands(ItemState.DELIVERED, 4)  # the other chain's
            work.clock.advance(MINUTE)
            await work.stands(ItemState.DELIVERED, 8)
    assert there_now == 1
    incidents = {str(message.alert.incident_id) for message in story()}
    first = [
        json.loads(body)["data"]["alert"]
        for _, body in there.got["hook"]
        if json.loads(body)["data"]["alert"]["incident_id"] in incidents
    ]
    assert [alert["step"] for alert in first] == [1, 1, 1, 2, 3, 4]


async def test_one_slow_or_dead_endpoint_holds_up_nobody(tmp_path: Path) -> None:
    """All alerts reach the good one while one hangs, one refuses connections, one always fails."""
    with socket.socket() as nobody:  # bound and not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        async with listening() as there:
            there.hangs("slow")
            there.says("ill", 500)
            urls = {name: f"{there.url}/{name}" for name in ("slow", "ill", "good")}
            urls["dead"] = f"http://127.0.0.1:{nobody.getsockname()[1]}/x"
            async with at_work(write(tmp_path, urls)) as work:
                tracks = [f"T{n}" for n in range(25)]
                for track in tracks:
                    await work.take(*story(track))
                await until(lambda: len(there.got["good"]) == 100)
                await work.stands(ItemState.DELIVERED, 100)
                assert len(there.got["slow"]) == 4  # its window
                assert len(there.got["ill"]) <= 4
                there.release.set()


async def test_retry_after_is_honoured(tmp_path: Path) -> None:
    """An endpoint that asks for two minutes is left alone for two, and then told."""
    async with listening() as there:
        there.says("hook", 429, 204, Retry_After="120")
        async with at_work(write(tmp_path, {"hook": there.url + "/hook"})) as work:
            await work.take(story()[0])
            await work.put_off()
            work.clock.advance(timedelta(seconds=119))
            await work.take(story("T2")[0])  # another chain is not sent there either
            await settled(work)
            assert len(there.got["hook"]) == 1
            work.clock.advance(timedelta(seconds=1))
            await work.stands(ItemState.DELIVERED, 2)


async def settled(work: Work) -> None:
    """Let whatever is due be started: the outbox is asked as often as its users would."""
    for _ in range(20):
        await work.outbox.state_counts()
        await asyncio.sleep(0)


async def test_gone_is_gone_until_the_file_changes(tmp_path: Path) -> None:
    """After 410 nothing is sent for hours; a file that was touched begins anew."""
    async with listening() as there:
        there.says("hook", 410, 204)
        path = write(tmp_path, {"hook": there.url + "/hook"})
        async with at_work(path) as work:
            await work.take(*story())
            await work.put_off()
            for _ in range(10):
                work.clock.advance(timedelta(hours=1))
                await settled(work)
            assert len(there.got["hook"]) == 1
            newer_s = path.stat().st_mtime + 10
            os.utime(path, (newer_s, newer_s))
            work.clock.advance(MINUTE)
            await work.stands(ItemState.DELIVERED, 4)
    assert steps(there, "hook") == [1, 1, 2, 3, 4]


async def test_what_nobody_took_for_a_day_is_a_dead_letter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails with its reason, is listed, and is put again as if it came then."""
    async with listening() as there:
        there.says("hook", 503)
        path = write(tmp_path, {"hook": there.url + "/hook"})
        async with at_work(path) as work:
            await work.take(*story()[:2])
            await work.put_off()
            work.clock.advance(DAY - MINUTE)
            await until(lambda: len(there.got["hook"]) == 2)
            await work.put_off()
            work.clock.advance(2 * MINUTE)
            await work.stands(ItemState.FAILED, 2)
            for entry in await work.outbox.dead_letters():
                assert entry.reason is not None
                assert entry.reason.startswith("not taken within a day")
            assert (await work.outbox.dead_letters())[
                0
            ].reason == "not taken within a day: answered 503"
            async with open_session() as session:
                await dead(await load(path, EXERCISE, session), "hook", again=True)
            assert await work.outbox.dead_letters() == []
    said = capsys.readouterr()
    listed = [line for line in said.out.splitlines() if line.startswith("hook  ")]
    assert [line.split()[2] for line in listed] == ["exercise:alerts:AA"] * 2
    assert said.err == "2 put again\n"


async def test_put_again_is_sent_again(tmp_path: Path) -> None:
    """A dead letter that is put again reaches an endpoint that is well by then."""
    async with listening() as there:
        there.says("hook", 503)
        async with at_work(write(tmp_path, {"hook": there.url + "/hook"})) as work:
            await work.take(story()[0])
            await work.put_off()
            work.clock.advance(DAY + MINUTE)
            await work.stands(ItemState.FAILED, 1)
            there.says("hook", 204)
            keys = [entry.key for entry in await work.outbox.dead_letters()]
            assert await work.outbox.requeue(keys, work.clock.now_ms()) == 1
            work.clock.advance(MINUTE)
            await work.stands(ItemState.DELIVERED, 1)


async def test_what_was_on_its_way_at_a_kill_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process sends it with the same id and the same bytes, and then the rest."""
    monkeypatch.setattr(dispatcher_module, "_GRACE_S", 0)  # a kill asks for no leave
    chain = story()
    async with listening() as there:
        there.hangs("hook")
        path = write(tmp_path, {"hook": there.url + "/hook"})
        async with at_work(path) as work:
            await work.take(*chain)
            await until(lambda: len(there.got["hook"]) == 1)
        there.says("hook", 204)
        async with at_work(path) as work:
            await work.stands(ItemState.DELIVERED, 4)
    assert steps(there, "hook") == [1, 1, 2, 3, 4]
    (headers, body), (again, same) = there.got["hook"][:2]
    assert (headers["webhook-id"], body) == (again["webhook-id"], same)


async def test_what_is_on_its_way_at_a_good_end_arrives_once(tmp_path: Path) -> None:
    """Told to stop, the process waits for an answer that is coming."""
    async with listening() as there:
        there.hangs("hook")
        path = write(tmp_path, {"hook": there.url + "/hook"})
        async with at_work(path) as work:
            await work.take(story()[0])
            await until(lambda: len(there.got["hook"]) == 1)
            work.running.cancel()
            await settled(work)
            there.release.set()
            await asyncio.gather(work.running, return_exceptions=True)
            assert (await work.outbox.state_counts())[ItemState.DELIVERED] == 1
    assert len(there.got["hook"]) == 1


async def test_worlds_do_not_meet_in_one_outbox(tmp_path: Path) -> None:
    """The exercise's process sends nothing actual, though outbox and endpoint have one name."""
    actual = story(environment=Environment.ACTUAL)
    async with listening() as there:
        there.says("hook", 503)
        urls = {"hook": there.url + "/hook"}
        async with at_work(
            write(tmp_path, urls, Environment.ACTUAL), None, Environment.ACTUAL
        ) as work:
            await work.take(*actual)
            await work.put_off()
        there.says("hook", 204)
        before = len(there.got["hook"])
        async with at_work(write(tmp_path, urls)) as work:
            await work.take(*story())
            await work.stands(ItemState.DELIVERED, 4)
            work.clock.advance(MINUTE)
            await settled(work)
            assert await work.outbox.waiting_counts() == {"hook": 4}
    posted = there.got["hook"][before:]
    assert {json.loads(body)["data"]["alert"]["status"] for _, body in posted} == {"Exercise"}


async def test_the_other_world_s_alert_is_refused(tmp_path: Path) -> None:
    """An actual alert that came where only exercises should is put for nobody, and told."""
    async with (
        listening() as there,
        at_work(write(tmp_path, {"hook": there.url + "/hook"})) as work,
    ):
        with capture_logs() as logs:
            assert await work.take(*story(environment=Environment.ACTUAL)) == [0] * 4
        assert [line["event"] for line in logs] == ["delivery.wrong_environment"] * 4
        assert sum((await work.outbox.state_counts()).values()) == 0


async def test_a_new_group_does_not_flood_anybody(tmp_path: Path) -> None:
    """What was decided more than a day ago is listed, not sent; what is newer is sent."""
    clock = HandClock()
    day_ms = DAY // timedelta(milliseconds=1)
    old = story("T1", decided_ms=clock.now_ms() - day_ms - 1)
    new = story("T2", decided_ms=clock.now_ms() - day_ms + 60_000)
    async with (
        listening() as there,
        at_work(write(tmp_path, {"hook": there.url + "/hook"}), clock) as work,
    ):
        await work.take(*old, *new)
        await work.stands(ItemState.DELIVERED, 4)
        await work.stands(ItemState.FAILED, 4)
    assert len(there.got["hook"]) == 4


async def test_a_changed_file_takes_effect_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    """A new endpoint hears the next alert; with a broken file the old ones go on hearing."""
    async with listening() as there:
        path = write(tmp_path, {"one": there.url + "/one"})
        async with at_work(path) as work:
            await work.take(story()[0])
            await work.stands(ItemState.DELIVERED, 1)
            path.write_text("environment = 7")
            with capture_logs() as logs:
                work.clock.advance(MINUTE)
                await until(lambda: "receivers.unusable" in [line["event"] for line in logs])
            (unusable,) = [line for line in logs if line["event"] == "receivers.unusable"]
            assert unusable["reason"].startswith(f"{path}: environment: ")
            await work.take(story()[1])
            await work.stands(ItemState.DELIVERED, 2)
            write(tmp_path, {"one": there.url + "/one", "two": there.url + "/two"})
            with capture_logs() as logs:
                work.clock.advance(MINUTE)
                await until(lambda: "receivers.changed" in [line["event"] for line in logs])
            await work.take(story()[2])
            await work.stands(ItemState.DELIVERED, 4)
    assert steps(there, "one") == [1, 2, 3]
    assert steps(there, "two") == [3]


async def test_logs_hold_no_secret(tmp_path: Path) -> None:
    """Neither secrets, signatures nor the URL's path are in the log of a bad day."""
    async with listening() as there:
        there.says("token-7", 500, 410)
        with capture_logs() as logs:
            async with at_work(write(tmp_path, {"hook": there.url + "/token-7"})) as work:
                await work.take(*story())
                await work.put_off()
                work.clock.advance(MINUTE)
                await until(lambda: "receiver.gone" in [line["event"] for line in logs])
    logged = json.dumps(logs, default=str)
    assert {"delivery.put_off", "receiver.gone"} <= {line["event"] for line in logs}
    for secret in ("token-7", NEW, OLD, NEW[6:], there.got["token-7"][0][0]["webhook-signature"]):
        assert secret not in logged


async def test_a_defect_of_one_target_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a target did not expect is logged and tried again later, beside the others."""
    send = Endpoint.send

    async def broken(self: Endpoint, entry: Any, now_ms: int) -> DeliveryOutcome:
        if self.options.name == "broken":
            raise ZeroDivisionError
        return await send(self, entry, now_ms)

    monkeypatch.setattr(Endpoint, "send", broken)
    async with listening() as there:
        urls = {"broken": there.url + "/x", "good": there.url + "/good"}
        with capture_logs() as logs:
            async with at_work(write(tmp_path, urls)) as work:
                await work.take(*story())
                await work.stands(ItemState.DELIVERED, 4)
                await until(lambda: "delivery.defect" in [line["event"] for line in logs])
    assert steps(there, "good") == [1, 2, 3, 4]


async def test_metrics_say_who_waits_and_who_is_gone(tmp_path: Path) -> None:
    """What is delivered is counted by endpoint; what waits, and who said 410, can be seen."""

    def shown(name: str, receiver: str, **labels: str) -> float:
        wanted = {"sink": SINK, "receiver": receiver} | labels
        return REGISTRY.get_sample_value(f"skyfence_{name}", wanted) or 0.0

    async with listening() as there:
        there.says("left", 410)
        urls = {name: f"{there.url}/{name}" for name in ("left", "stayed")}
        before = shown("deliveries_total", "stayed", outcome="delivered")
        async with at_work(write(tmp_path, urls)) as work:
            await work.take(*story())
            await work.stands(ItemState.DELIVERED, 4)
            await work.put_off()
            work.clock.advance(MINUTE)
            await until(lambda: shown("receiver_gone", "left") == 1)
    assert shown("deliveries_total", "stayed", outcome="delivered") - before == 4
    assert shown("deliveries_waiting", "left") == 4
    assert shown("deliveries_waiting", "stayed") == 0
    assert shown("receiver_gone", "stayed") == 0
    assert shown("delivery_attempt_seconds_count", "stayed") >= 4
