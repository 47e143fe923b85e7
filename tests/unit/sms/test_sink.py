"""The SMS sink: one message a person and step, merged quietly, nothing foreign and nothing late."""

from datetime import timedelta
from pathlib import Path

from builders import T0, T0_MS, track_event
from receiving import HandClock, story
from sms_rig import EN_NUMBER, LV_NUMBER, RO_NUMBER, changed, open_rig, people, states
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
    alerts: list[Alert] = []
    for number, kind in enumerate(kinds, 1):
        alerts += manager.process(track_event(kind, number, run="live"))
    return [AlertMessage(alert=alert, timeline=Timeline(decided=alert.time)) for alert in alerts]


async def test_each_person_gets_one_message_of_a_step(tmp_path: Path) -> None:
    """Whoever answers for the place, once however often the alert is handed over."""
    async with open_rig(tmp_path / "o.db") as rig:
        first = story(place=REGION)[0]
        assert await rig.sink.deliver(first) == 2
        assert await rig.sink.deliver(first) is None
        entries = await rig.entries()
    assert {entry.recipient for entry in entries} == {RO_NUMBER, LV_NUMBER}
    assert len({entry.key for entry in entries}) == 2
    assert {Notice.model_validate_json(e.body).language for e in entries} == {"ro", "lv"}


async def test_an_alert_for_nobody_is_no_repeat(tmp_path: Path) -> None:
    """A place that nobody answers for is told to none, which is not the same as known already."""
    async with open_rig(tmp_path / "o.db") as rig:
        assert await rig.sink.deliver(story(place="AA")[0]) == 1
        nobody = people(f"number,language,places\n{EN_NUMBER},en,NATO\n")
    async with open_rig(tmp_path / "p.db", recipients=nobody) as rig:
        assert await rig.sink.deliver(story(place="AA")[0]) == 0


async def test_many_people_are_all_told(tmp_path: Path) -> None:
    """More than are looked at together, and one of them has heard of it before."""
    lines = "".join(f"+4071200{n:04},ro,AA-1\n" for n in range(450))
    many = people("number,language,places\n" + lines)
    async with open_rig(tmp_path / "o.db", recipients=many) as rig:
        assert await rig.sink.deliver(story(place=REGION)[0]) == 450
        assert await rig.sink.deliver(story(place=REGION)[0]) is None


async def test_what_waits_is_replaced_by_the_newer_step(tmp_path: Path) -> None:
    """A person who is told late is told how things stand now, in one message."""
    chain = story(place=REGION)
    async with open_rig(tmp_path / "o.db", clock=HandClock(T0_MS + 60_000)) as rig:
        for message in chain:
            await rig.sink.deliver(message)
        states_by_number = states(await rig.entries())
    assert states_by_number[RO_NUMBER] == [ItemState.MERGED] * (len(chain) - 1) + [
        ItemState.PENDING
    ]


async def test_an_update_sends_nobody_to_the_end_of_the_queue(tmp_path: Path) -> None:
    """Whoever has not been told yet comes before those who have."""
    first, _, second, _ = story(place=REGION)
    async with open_rig(tmp_path / "o.db") as rig:
        await rig.sink.deliver(first)
        [sent] = await rig.outbox.claim(rig.clock.now_ms(), 1)
        await rig.sink.deliver(changed(second, severity=first.alert.severity, urgency="Immediate"))
        later = await rig.outbox.claim(rig.clock.now_ms(), 9)
    assert [entry.recipient for entry in later] == [
        next(number for number in (RO_NUMBER, LV_NUMBER) if number != sent.recipient),
        sent.recipient,
    ]


async def test_a_person_gets_no_more_than_the_number(tmp_path: Path) -> None:
    """What was sent counts; the end comes all the same, and what was not sent is in the books."""
    chain = incident("entered", "exited", "cleared")
    region = [message for message in chain if message.alert.place == REGION]
    moved = [
        changed(region[0], step=n, alert_id=derive("step", n), minutes_left=n) for n in range(2, 9)
    ]
    async with open_rig(tmp_path / "o.db", most_per_incident=4) as rig:
        rig.start()
        for number, message in enumerate([region[0], *moved], 1):
            await rig.sink.deliver(message)
            await rig.until_state(ItemState.SUBMITTED, 2 * min(number, 4))
        end = changed(region[-1], step=20)
        await rig.sink.deliver(end)
        await rig.until_state(ItemState.SUBMITTED, 2 * 5)
        states_by_number = states(await rig.entries())
    assert states_by_number[RO_NUMBER] == [ItemState.SUBMITTED] * 4 + [ItemState.MERGED] * 4 + [
        ItemState.SUBMITTED
    ]


async def test_a_nation_says_no_more_than_its_region(tmp_path: Path) -> None:
    """Who answers for both hears each event once, from the nearer place, and every end."""
    async with open_rig(tmp_path / "o.db") as rig:
        rig.start()
        for message in incident("entered", "confirmed", "exited", "cleared"):
            await rig.sink.deliver(message)
        entries = await rig.entries()
    sent = [
        Notice.model_validate_json(entry.body).place
        for entry in entries
        if entry.recipient == LV_NUMBER and entry.state is not ItemState.MERGED
    ]
    assert set(sent) == {REGION}


async def test_an_alarm_that_waits_is_not_sent_after_the_end(tmp_path: Path) -> None:
    """The nation's end is covered by the region's, and takes the nation's waiting alarm along."""
    region, nation = story(place=REGION), story(place=NATION)
    threat = {"incident_state": "threat", "urgency": "Expected", "minutes_left": 4}
    async with open_rig(tmp_path / "o.db") as rig:
        for message in (changed(region[0], **threat), nation[0], region[-1], nation[-1]):
            await rig.sink.deliver(message)
        states_by_number = states(await rig.entries())
    assert states_by_number[LV_NUMBER] == [
        ItemState.MERGED,
        ItemState.MERGED,
        ItemState.PENDING,
        ItemState.MERGED,
    ]


async def test_who_wants_none_is_not_put(tmp_path: Path) -> None:
    """An opted-out number stands in no outbox."""
    async with open_rig(tmp_path / "o.db") as rig:
        rig.opted_out.add(RO_NUMBER)
        assert await rig.sink.deliver(story(place=REGION)[0]) == 1
        assert {entry.recipient for entry in await rig.entries()} == {LV_NUMBER}


async def test_an_alert_of_the_other_world_puts_nothing(tmp_path: Path) -> None:
    """Neither by its status nor by its channel, nor an exercise that claims to be actual."""
    actual = story(place=REGION, environment=Environment.ACTUAL)[0]
    disguised = changed(actual, status="Exercise")
    test = changed(actual, status="Test")
    async with open_rig(tmp_path / "o.db") as rig:
        assert [await rig.sink.deliver(m) for m in (actual, disguised, test)] == [None] * 3
        assert await rig.entries() == []
    exercise = story(place=REGION)[0]
    disguised = changed(exercise, status="Actual")
    async with open_rig(tmp_path / "p.db", environment=Environment.ACTUAL) as rig:
        assert [await rig.sink.deliver(m) for m in (exercise, disguised, test)] == [None] * 3
        assert await rig.entries() == []


async def test_an_actual_alert_past_its_expiry_puts_nothing(tmp_path: Path) -> None:
    """However it came so late: a new group reads a week of alerts, a replay has old times."""
    first = story(place=REGION, environment=Environment.ACTUAL)[0]
    over_ms = T0_MS + 60_000 + 6 * 3_600_000
    decided_now = Timeline(decided=from_ms(over_ms))
    late = [first, changed(first, run="live"), changed(first, timeline=decided_now)]
    async with open_rig(
        tmp_path / "o.db", environment=Environment.ACTUAL, clock=HandClock(over_ms)
    ) as rig:
        assert [await rig.sink.deliver(message) for message in late] == [0, 0, 0]
        assert await rig.entries() == []
    async with open_rig(
        tmp_path / "p.db", environment=Environment.ACTUAL, clock=HandClock(over_ms - 1)
    ) as rig:
        assert await rig.sink.deliver(first) == 2


async def test_a_replay_in_an_exercise_holds_from_its_decision(tmp_path: Path) -> None:
    """A recording of years ago reaches the phones of an exercise, for as long as it would have."""
    now_ms = T0_MS + 10_000 * 3_600_000
    first = story(place=REGION, decided_ms=now_ms)[0]
    async with open_rig(tmp_path / "o.db", clock=HandClock(now_ms)) as rig:
        assert await rig.sink.deliver(first) == 2
        [entry, _] = await rig.entries()
        assert entry.expires_ms == now_ms + 6 * 3_600_000
        assert await rig.sink.deliver(changed(story(place=REGION)[0], run="live")) == 0


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
    async with open_rig(tmp_path / "o.db") as rig:
        for alarm in alarms:
            await rig.sink.deliver(AlertMessage(alert=alarm, timeline=Timeline()))
        rig.start()
        await rig.until_taken(2)
        assert {number for number, _ in rig.gateway.numbers_and_texts()} == {LV_NUMBER, EN_NUMBER}
        assert (EN_NUMBER, "EXERCISE: NATO: the sensor is back.") in rig.gateway.numbers_and_texts()
