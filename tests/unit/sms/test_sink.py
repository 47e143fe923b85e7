"""The SMS sink: one message a person and step, merged quietly, nothing foreign and nothing late."""

from datetime import timedelta
from pathlib import Path

from builders import T0, T0_MS, track_event
from receiving import HandClock, story
from sms_desk import ONE, THREE, TWO, changed, desk, people, states
from words import ENGLISH

from consumers.outbox.items import ItemState
from consumers.sms.rules.notice import Notice
from skyfence.contracts.alert import Alert, AlertMessage, Timeline
from skyfence.identity import derive
from skyfence.incidents.manager import IncidentManager
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment
from skyfence.times import from_ms

REGION, NATION, ALLIANCE = "AA-1", "AA", "NATO"


def incident(*kinds: str, environment: Environment = Environment.EXERCISE) -> list[AlertMessage]:
    """Return all that an object's events tell all places, each event decided as it happens."""
    manager = IncidentManager(environment, {}, ENGLISH.operators)
    found: list[Alert] = []
    for number, kind in enumerate(kinds, 1):
        found += manager.process(track_event(kind, number, run="live"))
    return [AlertMessage(alert=one, timeline=Timeline(decided=one.time)) for one in found]


async def test_each_person_gets_one_message_of_a_step(tmp_path: Path) -> None:
    """Whoever answers for the place, once however often the alert is handed over."""
    async with desk(tmp_path / "o.db") as one:
        first = story(place=REGION)[0]
        assert await one.sink.deliver(first) == 2
        assert await one.sink.deliver(first) is None
        found = await one.entries()
    assert {entry.recipient for entry in found} == {ONE, TWO}
    assert len({entry.key for entry in found}) == 2
    assert {Notice.model_validate_json(e.body).language for e in found} == {"ro", "lv"}


async def test_an_alert_for_nobody_is_no_repeat(tmp_path: Path) -> None:
    """A place that nobody answers for is told to none, which is not the same as known already."""
    async with desk(tmp_path / "o.db") as one:
        assert await one.sink.deliver(story(place="AA")[0]) == 1
        nobody = people(f"number,language,places\n{THREE},en,NATO\n")
    async with desk(tmp_path / "p.db", recipients=nobody) as one:
        assert await one.sink.deliver(story(place="AA")[0]) == 0


async def test_many_people_are_all_told(tmp_path: Path) -> None:
    """More than are looked at together, and one of them has heard of it before."""
    lines = "".join(f"+4071200{n:04},ro,AA-1\n" for n in range(450))
    many = people("number,language,places\n" + lines)
    async with desk(tmp_path / "o.db", recipients=many) as one:
        assert await one.sink.deliver(story(place=REGION)[0]) == 450
        assert await one.sink.deliver(story(place=REGION)[0]) is None


async def test_what_waits_is_replaced_by_the_newer_step(tmp_path: Path) -> None:
    """A person who is told late is told how things stand now, in one message."""
    chain = story(place=REGION)
    async with desk(tmp_path / "o.db", clock=HandClock(T0_MS + 60_000)) as one:
        for message in chain:
            await one.sink.deliver(message)
        found = states(await one.entries())
    assert found[ONE] == [ItemState.MERGED] * (len(chain) - 1) + [ItemState.PENDING]


async def test_an_update_sends_nobody_to_the_end_of_the_queue(tmp_path: Path) -> None:
    """Whoever has not been told yet comes before those who have."""
    first, _, second, _ = story(place=REGION)
    async with desk(tmp_path / "o.db") as one:
        await one.sink.deliver(first)
        [told] = await one.outbox.claim(one.clock.now_ms(), 1)
        await one.sink.deliver(changed(second, severity=first.alert.severity, urgency="Immediate"))
        later = await one.outbox.claim(one.clock.now_ms(), 9)
    assert [entry.recipient for entry in later] == [
        next(number for number in (ONE, TWO) if number != told.recipient),
        told.recipient,
    ]


async def test_a_person_gets_no_more_than_the_number(tmp_path: Path) -> None:
    """What was sent counts; the end comes all the same, and what was not sent is in the books."""
    chain = incident("entered", "exited", "cleared")
    region = [one for one in chain if one.alert.place == REGION]
    moved = [
        changed(region[0], step=n, alert_id=derive("step", n), minutes_left=n) for n in range(2, 9)
    ]
    async with desk(tmp_path / "o.db", most_per_incident=4) as one:
        one.start()
        for number, message in enumerate([region[0], *moved], 1):
            await one.sink.deliver(message)
            await one.until_state(ItemState.SUBMITTED, 2 * min(number, 4))
        end = changed(region[-1], step=20)
        await one.sink.deliver(end)
        await one.until_state(ItemState.SUBMITTED, 2 * 5)
        found = states(await one.entries())
    assert found[ONE] == [ItemState.SUBMITTED] * 4 + [ItemState.MERGED] * 4 + [ItemState.SUBMITTED]


async def test_a_nation_says_no_more_than_its_region(tmp_path: Path) -> None:
    """Who answers for both hears each event once, from the nearer place, and every end."""
    async with desk(tmp_path / "o.db") as one:
        one.start()
        for message in incident("entered", "confirmed", "exited", "cleared"):
            await one.sink.deliver(message)
        entries = await one.entries()
    told = [
        Notice.model_validate_json(entry.body).place
        for entry in entries
        if entry.recipient == TWO and entry.state is not ItemState.MERGED
    ]
    assert set(told) == {REGION}


async def test_an_alarm_that_waits_is_not_sent_after_the_end(tmp_path: Path) -> None:
    """The nation's end is covered by the region's, and takes the nation's waiting alarm along."""
    region, nation = story(place=REGION), story(place=NATION)
    threat = {"incident_state": "threat", "urgency": "Expected", "minutes_left": 4}
    async with desk(tmp_path / "o.db") as one:
        for message in (changed(region[0], **threat), nation[0], region[-1], nation[-1]):
            await one.sink.deliver(message)
        found = states(await one.entries())
    assert found[TWO] == [ItemState.MERGED, ItemState.MERGED, ItemState.PENDING, ItemState.MERGED]


async def test_who_wants_none_is_not_put(tmp_path: Path) -> None:
    """An opted-out number stands in no outbox."""
    async with desk(tmp_path / "o.db") as one:
        one.opted_out.add(ONE)
        assert await one.sink.deliver(story(place=REGION)[0]) == 1
        assert {entry.recipient for entry in await one.entries()} == {TWO}


async def test_an_alert_of_the_other_world_puts_nothing(tmp_path: Path) -> None:
    """Neither by its status nor by its channel, nor an exercise that claims to be actual."""
    actual = story(place=REGION, environment=Environment.ACTUAL)[0]
    disguised = changed(actual, status="Exercise")
    test = changed(actual, status="Test")
    async with desk(tmp_path / "o.db") as one:
        assert [await one.sink.deliver(m) for m in (actual, disguised, test)] == [None] * 3
        assert await one.entries() == []
    exercise = story(place=REGION)[0]
    disguised = changed(exercise, status="Actual")
    async with desk(tmp_path / "p.db", environment=Environment.ACTUAL) as one:
        assert [await one.sink.deliver(m) for m in (exercise, disguised, test)] == [None] * 3
        assert await one.entries() == []


async def test_an_actual_alert_past_its_expiry_puts_nothing(tmp_path: Path) -> None:
    """However it came so late: a new group reads a week of alerts, a replay has old times."""
    first = story(place=REGION, environment=Environment.ACTUAL)[0]
    over_ms = T0_MS + 60_000 + 6 * 3_600_000
    decided_now = Timeline(decided=from_ms(over_ms))
    late = [first, changed(first, run="live"), changed(first, timeline=decided_now)]
    async with desk(
        tmp_path / "o.db", environment=Environment.ACTUAL, clock=HandClock(over_ms)
    ) as one:
        assert [await one.sink.deliver(message) for message in late] == [0, 0, 0]
        assert await one.entries() == []
    async with desk(
        tmp_path / "p.db", environment=Environment.ACTUAL, clock=HandClock(over_ms - 1)
    ) as one:
        assert await one.sink.deliver(first) == 2


async def test_a_replay_in_an_exercise_holds_from_its_decision(tmp_path: Path) -> None:
    """A recording of years ago reaches the phones of an exercise, for as long as it would have."""
    now_ms = T0_MS + 10_000 * 3_600_000
    first = story(place=REGION, decided_ms=now_ms)[0]
    async with desk(tmp_path / "o.db", clock=HandClock(now_ms)) as one:
        assert await one.sink.deliver(first) == 2
        [entry, _] = await one.entries()
        assert entry.expires_ms == now_ms + 6 * 3_600_000
        assert await one.sink.deliver(changed(story(place=REGION)[0], run="live")) == 0


async def test_a_silent_sensor_is_told_and_its_return_too(tmp_path: Path) -> None:
    """A feed alarm is an alert as others are, with a chain of two."""
    silence = Silence(
        since=T0,
        noticed=T0 + timedelta(seconds=60),
        cause="silent",
        silent_after_s=60,
        places=(ALLIANCE, NATION),
        over=T0 + timedelta(seconds=90),
        heard_again=T0 + timedelta(seconds=90),
    )
    kinds = {ALLIANCE: "alliance", NATION: "nation"}
    alarms = list(untold(silence, "radar", "live", Environment.EXERCISE, kinds, texts=ENGLISH.feed))  # type: ignore[arg-type]
    async with desk(tmp_path / "o.db") as one:
        for alarm in alarms:
            await one.sink.deliver(AlertMessage(alert=alarm, timeline=Timeline()))
        one.start()
        await one.until_told(2)
        assert {number for number, _ in one.gateway.told()} == {TWO, THREE}
        assert (THREE, "EXERCISE: NATO: the sensor is back.") in one.gateway.told()
