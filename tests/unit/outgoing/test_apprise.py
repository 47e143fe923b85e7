"""The Apprise sink: words for people, through Apprise itself to a real server."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import place_alert
from pydantic import ValidationError
from receiving import HandClock, episode, listening, story, until
from structlog.testing import capture_logs
from words import ENGLISH

from consumers.outbox.items import Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.outgoing.apprise import (
    SINK,
    AppriseReceiver,
    TargetOptions,
    _service,
    load,
    note_of,
)
from consumers.outgoing.dispatcher import DeliveryOutcome, Dispatcher
from consumers.outgoing.reloading import ReloadingSink
from consumers.outgoing.sink import OutboxSink
from skyfence.contracts.alert import (
    EXERCISE_MARK,
    AlertMessage,
    AnyAlert,
    PlaceAlert,
    PlaceLevel,
    Timeline,
)
from skyfence.errors import SkyfenceError
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms

EXERCISE, ACTUAL = Environment.EXERCISE, Environment.ACTUAL
MINUTE = timedelta(minutes=1)


def write(folder: Path, environment: Environment = EXERCISE, **urls: str) -> Path:
    """Write a file of targets with these URLs."""
    lines = [f'environment = "{environment}"', 'outbox = "box.db"']
    for name, url in urls.items():
        (folder / f"{name}.url").write_text(url + "\n")
        lines += ["[[target]]", f'name = "{name}"', f'url_file = "{name}.url"']
    path = folder / "apprise.toml"
    path.write_text("\n".join(lines))
    return path


def json_url(url: str, name: str) -> str:
    """Return the Apprise URL of a path of a local server."""
    return url.replace("http://", "json://me:hunter2@") + f"/{name}"


@asynccontextmanager
async def at_work(
    path: Path, clock: HandClock, environment: Environment = EXERCISE
) -> AsyncIterator[tuple[OutboxSink, Outbox]]:
    """Run the sink of a file."""
    receivers = await load(path, environment)
    async with Outbox.open(receivers.outbox) as outbox:
        dispatcher = Dispatcher(outbox, SINK, environment, clock, Random(5))
        serving = ReloadingSink(dispatcher, lambda: load(path, environment), receivers, clock)
        running = asyncio.create_task(serving.run())
        try:
            yield OutboxSink(outbox, dispatcher, environment, clock), outbox
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def stands(outbox: Outbox, state: ItemState, count: int) -> None:
    """Return when so many items stand in a state."""

    async def so() -> bool:
        return (await outbox.state_counts())[state] == count

    await until(so)


async def test_people_read_headline_description_and_instruction(tmp_path: Path) -> None:
    """Apprise carries what sounds and the end, in order, the exercise mark first."""
    chain = episode()
    async with listening() as there:
        path = write(tmp_path, mail=json_url(there.url, "mail"))
        async with at_work(path, HandClock()) as (sink, outbox):
            assert [await sink.deliver(message) for message in chain] == [1, 1, 0, 1]
            await stands(outbox, ItemState.DELIVERED, 3)
    bodies = [json.loads(body) for _, body in there.got["mail"]]
    assert [body["title"] for body in bodies] == [
        message.alert.headline for message in chain if message.alert.notify == "sound"
    ]
    assert all(body["title"].startswith(EXERCISE_MARK) for body in bodies)
    assert [body["type"] for body in bodies] == ["warning", "failure", "success"]
    assert bodies[0]["message"] == f"{chain[0].alert.description}\n\n{chain[0].alert.instruction}"


def quiet(level: PlaceLevel, step: int = 2) -> PlaceAlert:
    """Return a quiet step of a place's episode."""
    return place_alert(level, step, notify="quiet")


@pytest.mark.parametrize(
    ("alert", "told", "wanted"),
    [
        (place_alert("prepare"), None, True),
        (place_alert("clear", notify="quiet"), None, True),
        (story(place="AA-1")[0].alert, None, False),
        (quiet("shelter"), place_alert("prepare"), True),
        (quiet("shelter"), place_alert("shelter"), False),
        (quiet("prepare"), place_alert("shelter"), False),
        (quiet("prepare"), None, True),
        (quiet("shelter"), place_alert("prepare", 3), False),
    ],
)
def test_people_hear_what_sounds_a_rise_and_the_end(
    alert: AnyAlert, told: PlaceAlert | None, wanted: bool
) -> None:
    """A quiet step is told if it is graver than what was told, unless that is newer."""
    options = TargetOptions(name="mail", url_file="x")
    target = AppriseReceiver(options, Service(), ACTUAL, ENGLISH.apprise)
    before = None if told is None else note_of(told, ACTUAL, ENGLISH.apprise).to_json().decode()
    assert target.wants(alert, before) is wanted


async def test_a_quiet_rise_is_sent_once_and_without_sound(tmp_path: Path) -> None:
    """After a calmer message that was sent: to a silent service, and not again when repeated."""
    loud, silent = Service(), Service()
    receiver = AppriseReceiver(
        TargetOptions(name="mail", url_file="x"),
        loud,
        ACTUAL,
        ENGLISH.apprise,
        silent_service=silent,
    )
    steps = [place_alert("prepare"), quiet("shelter"), quiet("shelter", 3), quiet("prepare", 4)]
    clock = HandClock()
    async with Outbox.open(tmp_path / "box.db") as outbox:
        dispatcher = Dispatcher(outbox, SINK, ACTUAL, clock, Random(5))
        dispatcher.set_receivers([receiver])
        sink = OutboxSink(outbox, dispatcher, ACTUAL, clock)
        messages = [AlertMessage(alert=alert, timeline=Timeline()) for alert in steps]
        assert [await sink.deliver(message) for message in messages] == [1, 1, 0, 0]
        assert await sink.deliver(messages[1]) == 0
        for waiting in await outbox.claim(clock.now_ms(), 9):
            await receiver.send(waiting, clock.now_ms())
    assert (len(loud.told), len(silent.told)) == (1, 1)


@pytest.mark.parametrize(
    ("url", "loud", "silent"),
    [
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", ("silent", False), ("silent", True)),
        ("ntfy://127.0.0.1/topic?priority=max", ("priority", "max"), ("priority", "low")),
        ("gotify://127.0.0.1/token", ("priority", 5), ("priority", 0)),
        ("json://127.0.0.1/x", ("schema", "json"), ("schema", "json")),
    ],
)
async def test_services_that_can_are_told_to_make_no_sound(
    tmp_path: Path, url: str, loud: tuple[str, Any], silent: tuple[str, Any]
) -> None:
    """The URL of a silent message has the service's own parameter; others are as they are."""
    write(tmp_path, mail=url)
    for is_silent, (name, value) in ((False, loud), (True, silent)):
        [plugin] = _service(tmp_path / "mail.url", silent=is_silent)
        shown = getattr(plugin, name) if name != "schema" else plugin.protocol
        assert shown == value


def test_an_incident_cannot_be_asked_for() -> None:
    """A target that wants incidents is an error, not a surprise."""
    with pytest.raises(ValidationError, match="events"):
        TargetOptions.model_validate(
            {"name": "mail", "url_file": "x", "events": ["airspace violation"]}
        )


def test_losing_track_is_no_success() -> None:
    """An episode that ends without an all-clear is a warning still."""
    alert = place_alert("shelter", 2, message_type="Cancel", certainty="Unknown")
    assert note_of(alert, ACTUAL, ENGLISH.apprise).notify_type == "warning"


async def test_an_exercise_is_marked_whatever_its_headline(tmp_path: Path) -> None:
    """A headline that somebody forgot to mark is marked, and one that is marked once only."""
    alert = episode()[0].alert
    bare = alert.model_copy(update={"headline": "A drone"})
    assert note_of(bare, EXERCISE, ENGLISH.apprise).title == EXERCISE_MARK + "A drone"
    assert note_of(alert, EXERCISE, ENGLISH.apprise).title == alert.headline
    assert note_of(bare, ACTUAL, ENGLISH.apprise).title == "A drone"


@pytest.mark.parametrize(
    ("environment", "title"), [(EXERCISE, "A drone"), (ACTUAL, EXERCISE_MARK + "A drone")]
)
async def test_the_title_is_looked_at_again_before_it_is_sent(
    environment: Environment, title: str
) -> None:
    """Whatever came into the outbox: no exercise without its mark, and no actual one with it."""
    service = Service()
    target = AppriseReceiver(
        TargetOptions(name="mail", url_file="x"), service, environment, ENGLISH.apprise
    )
    outcome = await target.send(entry(title), 0)
    assert outcome == DeliveryOutcome("never", f"its title is not one of {environment}")
    assert service.told == []


class Service:
    """Something that Apprise could be: takes, refuses, breaks or hangs."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.told: list[str] = []
        self.release = threading.Event()

    def notify(self, *, title: str, **_: Any) -> Any:
        """Keep the title, and answer."""
        self.told.append(title)
        if self.answer == "hang":
            self.release.wait(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def entry(title: str = EXERCISE_MARK + "x", expires_ms: int | None = None) -> Entry:
    """Return what the outbox hands out."""
    return Entry(
        key="k",
        recipient="exercise:mail",
        chain="c",
        body=json.dumps({"title": title, "body": "b", "notify_type": "info"}),
        expires_ms=expires_ms,
        state=ItemState.SUBMITTING,
        added_ms=0,
        attempts=1,
        doubts=0,
        reference=None,
        reason=None,
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (False, "the service did not take it"),
        (ValueError("json://me:hunter2@x"), "apprise failed: ValueError"),
        ("hang", "no answer in time (0.05 s)"),
    ],
)
async def test_what_goes_wrong_is_an_outcome(answer: Any, reason: str) -> None:
    """A service that refuses, breaks or hangs is away, and the reason holds no URL."""
    service = Service(answer)
    options = TargetOptions(name="mail", url_file="x", timeout_s=0.05)
    outcome = await AppriseReceiver(options, service, EXERCISE, ENGLISH.apprise).send(entry(), 0)
    service.release.set()
    assert outcome == DeliveryOutcome("away", reason)


async def test_a_hanging_service_takes_nobody_s_thread(tmp_path: Path) -> None:
    """However many calls of one target hang, another's go through."""
    hanging, well = Service("hang"), Service()
    options = TargetOptions(name="mail", url_file="x", timeout_s=0.01, window=1)
    slow, good = (
        AppriseReceiver(options, hanging, EXERCISE, ENGLISH.apprise),
        AppriseReceiver(
            options.model_copy(update={"timeout_s": 5.0}), well, EXERCISE, ENGLISH.apprise
        ),
    )
    outcomes = [await slow.send(entry(), 0) for _ in range(40)]
    assert {outcome.kind for outcome in outcomes} == {"away"}
    assert (await good.send(entry(), 0)).kind == "taken"
    hanging.release.set()


async def test_an_actual_alert_past_its_expiry_reaches_nobody(tmp_path: Path) -> None:
    """Not when it is put, not when it waited, not when it was handed out all the same."""
    [first, *_] = chain = episode(environment=ACTUAL)
    expires_ms = to_ms(first.alert.expires)
    async with listening() as there:
        there.says("mail", 503)
        path = write(tmp_path, ACTUAL, mail=json_url(there.url, "mail"))
        clock = HandClock(expires_ms - 60_000)
        async with at_work(path, clock, ACTUAL) as (sink, outbox):
            await sink.deliver(first)
            await until(lambda: len(there.got["mail"]) == 1)
            await stands(outbox, ItemState.PENDING, 1)
            clock.advance(MINUTE)
            await stands(outbox, ItemState.EXPIRED, 1)
            clock.advance(timedelta(days=1))
            for message in chain[1:]:
                await sink.deliver(message)
            await stands(outbox, ItemState.EXPIRED, 3)
        assert len(there.got["mail"]) == 1
    target = AppriseReceiver(
        TargetOptions(name="mail", url_file="x"), Service(), EXERCISE, ENGLISH.apprise
    )
    assert await target.send(entry(expires_ms=5), 5) == DeliveryOutcome("never", "expired")


async def test_a_replayed_exercise_holds_as_long_as_it_held(tmp_path: Path) -> None:
    """Its times are years old; it is sent, and given up as long after as its expiry says."""
    first: AlertMessage = episode()[0]
    holds = first.alert.expires - first.alert.time
    years_later = HandClock(to_ms(first.alert.time) + 10**11)
    async with listening() as there:
        there.says("mail", 503)
        path = write(tmp_path, mail=json_url(there.url, "mail"))
        async with at_work(path, years_later) as (sink, outbox):
            decided = first.timeline.model_copy(update={"decided": from_ms(years_later.now_ms())})
            await sink.deliver(first.model_copy(update={"timeline": decided}))
            await until(lambda: len(there.got["mail"]) == 1)
            await stands(outbox, ItemState.PENDING, 1)
            years_later.advance(min(holds, timedelta(hours=23)) - MINUTE)
            await until(lambda: len(there.got["mail"]) == 2)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no-such-service://x", "no URL that apprise"),
        ("json://me:hunter2@example.org/?verify=no", "verify=no would trust anybody"),
        ("json://me:hunter2@one.org\njson://two.org", "must hold one line of printable"),
        ("", "must hold one line of printable"),
    ],
)
async def test_a_bad_url_is_not_shown(tmp_path: Path, url: str, reason: str) -> None:
    """What is wrong with a URL is said by its file alone."""
    path = write(tmp_path, mail=url)
    with pytest.raises(SkyfenceError) as caught:
        await load(path, EXERCISE)
    assert str(caught.value).startswith(f"{tmp_path / 'mail.url'}: {reason}")
    assert "hunter2" not in str(caught.value)


async def test_the_other_environment_s_targets_are_refused(tmp_path: Path) -> None:
    """A process of the actual world does not start with the exercise's targets."""
    path = write(tmp_path, mail="json://localhost/x")
    with pytest.raises(SkyfenceError, match="is for exercise, and SKYFENCE_ENVIRONMENT is actual"):
        await load(path, ACTUAL)


async def test_logs_hold_no_url(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor Apprise's lines show what a URL holds when its service refuses."""
    async with listening() as there:
        there.says("token-7", 403)
        path = write(tmp_path, mail=json_url(there.url, "token-7"))
        with capture_logs() as logs:
            async with at_work(path, HandClock()) as (sink, _):
                await sink.deliver(episode()[0])
                await until(lambda: "delivery.put_off" in [line["event"] for line in logs])
    logged = json.dumps(logs, default=str) + caplog.text
    for secret in ("token-7", "hunter2"):
        assert secret not in logged
    assert not [
        record for record in caplog.records if record.name.startswith(("apprise", "urllib3"))
    ]
