"""The SMS sink: one message a person and step, merged quietly, nothing foreign and nothing late."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import T0, T0_MS, place_alert
from receiving import HandClock, episode, story
from sms_rig import EN_NUMBER, LV_NUMBER, RO_NUMBER, changed, open_rig, people, states
from words import ENGLISH

from consumers.outbox.items import Change, Entry, ItemState
from consumers.sms.rules.notice import Notice
from skyfence.contracts.alert import AlertMessage, PlaceLevel, Timeline
from skyfence.identity import derive
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment
from skyfence.times import from_ms

REGION, NATION, ALLIANCE = "AA-1", "AA", "NATO"
JUST_ENGLISH = f"number,language,places\n{EN_NUMBER},en,AA-1\n"


async def test_each_person_gets_one_message_of_a_step(tmp_path: Path) -> None:
    """Whoever answers for the place, once however often the alert is handed over."""
    async with open_rig(tmp_path / "o.db") as rig:
        first = episode(place=REGION)[0]
        assert await rig.sink.deliver(first) == 2
        assert await rig.sink.deliver(first) is None
        entries = await rig.entries()
    assert {entry.recipient for entry in entries} == {RO_NUMBER, LV_NUMBER}
    assert len({entry.key for entry in entries}) == 2
    assert {Notice.model_validate_json(e.body).language for e in entries} == {"ro", "lv"}


async def test_an_alert_for_nobody_is_no_repeat(tmp_path: Path) -> None:
    """A place that nobody answers for is told to none, which is not the same as known already."""
    async with open_rig(tmp_path / "o.db") as rig:
        assert await rig.sink.deliver(episode(place="AA")[0]) == 1
        nobody = people(f"number,language,places\n{EN_NUMBER},en,NATO\n")
    async with open_rig(tmp_path / "p.db", recipients=nobody) as rig:
        assert await rig.sink.deliver(episode(place="AA")[0]) == 0


async def test_many_people_are_all_told(tmp_path: Path) -> None:
    """More than are looked at together, and one of them has heard of it before."""
    lines = "".join(f"+4071200{n:04},ro,AA-1\n" for n in range(450))
    many = people("number,language,places\n" + lines)
    async with open_rig(tmp_path / "o.db", recipients=many) as rig:
        assert await rig.sink.deliver(episode(place=REGION)[0]) == 450
        assert await rig.sink.deliver(episode(place=REGION)[0]) is None


async def test_what_waits_is_replaced_by_the_newer_step(tmp_path: Path) -> None:
    """A person who is told late is told how things stand now, in one message."""
    *chain, end = episode(place=REGION)
    async with open_rig(tmp_path / "o.db", clock=HandClock(T0_MS + 60_000)) as rig:
        for message in chain:
            await rig.sink.deliver(message)
        waiting = states(await rig.entries())[RO_NUMBER]
        await rig.sink.deliver(end)
        ended = states(await rig.entries())[RO_NUMBER]
    assert waiting == [ItemState.MERGED] * (len(chain) - 1) + [ItemState.PENDING]
    assert ended == [ItemState.MERGED] * (len(chain) + 1)  # nobody was told of danger


async def test_an_end_is_sent_where_the_warning_has_just_left(tmp_path: Path) -> None:
    """The sender takes the warning while the sink decides that nobody was told of it."""
    first, *_, end = episode(place=REGION)
    async with open_rig(tmp_path / "o.db", clock=HandClock(T0_MS + 60_000)) as rig:
        await rig.sink.deliver(first)
        entries_for = rig.outbox.entries_for

        async def entries_before_a_claim(*args: Any, **more: Any) -> list[Entry]:
            entries = await entries_for(*args, **more)
            await rig.outbox.claim(rig.clock.now_ms(), 1)
            return entries

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rig.outbox, "entries_for", entries_before_a_claim)
            await rig.sink.deliver(end)
        left = sorted(states(await rig.entries()).values())
    assert left == [
        [ItemState.MERGED, ItemState.MERGED],
        [ItemState.SUBMITTING, ItemState.PENDING],
    ]


async def test_an_update_sends_nobody_to_the_end_of_the_queue(tmp_path: Path) -> None:
    """Whoever has not been told yet comes before those who have."""
    first, second, _, _ = episode(place=REGION)
    async with open_rig(tmp_path / "o.db") as rig:
        await rig.sink.deliver(first)
        [sent] = await rig.outbox.claim(rig.clock.now_ms(), 1)
        await rig.sink.deliver(changed(second, severity=first.alert.severity, urgency="Immediate"))
        later = await rig.outbox.claim(rig.clock.now_ms(), 9)
    assert [entry.recipient for entry in later] == [
        next(number for number in (RO_NUMBER, LV_NUMBER) if number != sent.recipient),
        sent.recipient,
    ]


def raid(place: str, objects: int) -> list[AlertMessage]:
    """Return what a swarm tells a place: a sounding step for each object, and the end.

    The first two warn, the third is shelter; they are twelve seconds apart.
    """
    shelter: list[PlaceLevel] = ["shelter"] * (objects - 2)
    levels: list[PlaceLevel] = ["prepare", "prepare", *shelter, "clear"]
    at = [T0 + timedelta(minutes=1, seconds=12 * number) for number in range(len(levels))]
    beneath: dict[str, Any] = {
        "AA": {"regions": (REGION,)},
        "NATO": {"nations": ("AA",), "regions": (REGION,)},
    }
    return [
        AlertMessage(
            alert=place_alert(
                level,
                step,
                place=place,
                environment=Environment.EXERCISE,
                at=at[step - 1],
                objects=step if level != "clear" else 0,
                expires=T0 + timedelta(hours=6),
                **(beneath.get(place, {}) if level != "clear" else {}),
            ),
            timeline=Timeline(),
        )
        for step, level in enumerate(levels, 1)
    ]


async def test_a_swarm_is_three_messages_to_each_officer(tmp_path: Path) -> None:
    """Fifty drones in ten minutes: the first warning, the first shelter, the all-clear, no more.

    The officer of both region and nation hears each of them once, and the nation's end not at all,
    because all that was said was the region's.
    """
    async with open_rig(tmp_path / "o.db") as rig:
        rig.start()
        taken = 0
        raids = [raid(place, 50) for place in (REGION, NATION, ALLIANCE)]
        for step in range(len(raids[0])):
            for messages in raids:
                taken += await rig.sink.deliver(messages[step]) or 0
            await rig.until_taken(taken)
            await rig.pass_time(seconds=12)
        texts: dict[str, list[str]] = {}
        for number, text in rig.gateway.numbers_and_texts():
            texts.setdefault(number, []).append(text)
    assert {number: len(said) for number, said in texts.items()} == {
        RO_NUMBER: 3,
        LV_NUMBER: 3,
        EN_NUMBER: 3,
    }
    assert texts[EN_NUMBER] == [
        "EXERCISE: Aland: possible airspace violation.",
        "EXERCISE: Aland: airspace violation, 3 objects.",
        "EXERCISE: NATO: ALL CLEAR. The danger is over.",
    ]


async def test_what_was_held_back_is_in_the_next_message(tmp_path: Path) -> None:
    """Once there is room again, one message says the whole state."""
    chain = raid(REGION, 9)
    async with open_rig(tmp_path / "o.db", recipients=people(JUST_ENGLISH)) as rig:
        rig.start()
        taken = 0
        for message in chain[:8]:
            taken += await rig.sink.deliver(message) or 0
            await rig.until_taken(taken)
        assert taken == 2
        await rig.pass_time(minutes=31)
        assert await rig.sink.deliver(chain[8]) == 1
        await rig.until_taken(3)
        assert rig.gateway.taken[-1].text == (
            "EXERCISE: Southshire: 9 objects in the air! Take cover!"
        )


async def test_a_quiet_step_puts_nothing_but_replaces_what_waits(tmp_path: Path) -> None:
    """What nobody is to be told is in no outbox; a waiting alarm that is over is not sent."""
    first, second, quiet, _ = episode(place=REGION)
    async with open_rig(tmp_path / "o.db", recipients=people(JUST_ENGLISH)) as rig:
        await rig.sink.deliver(first)
        [sent] = await rig.outbox.claim(rig.clock.now_ms(), 9)
        await rig.outbox.apply_changes(
            [Change(key=sent.key, state=ItemState.SUBMITTED)], rig.clock.now_ms()
        )
        assert await rig.sink.deliver(changed(quiet, step=2, alert_id=derive("quiet", 2))) == 0
        assert len(await rig.entries()) == 1
        await rig.sink.deliver(changed(second, step=3))
        assert await rig.sink.deliver(changed(quiet, step=4, alert_id=derive("quiet", 4))) == 1
        waiting = await rig.outbox.claim(rig.clock.now_ms(), 9)
    assert [Notice.model_validate_json(entry.body).kind for entry in waiting] == ["averted"]


async def test_an_incident_is_told_to_no_phone(tmp_path: Path) -> None:
    """What an object does is evidence for operators; phones hear of places."""
    async with open_rig(tmp_path / "o.db") as rig:
        for place in (REGION, NATION, ALLIANCE):
            assert [await rig.sink.deliver(message) for message in story(place=place)] == [None] * 4
        assert await rig.entries() == []


async def test_who_wants_none_is_not_put(tmp_path: Path) -> None:
    """An opted-out number stands in no outbox."""
    async with open_rig(tmp_path / "o.db") as rig:
        rig.opted_out.add(RO_NUMBER)
        assert await rig.sink.deliver(episode(place=REGION)[0]) == 1
        assert {entry.recipient for entry in await rig.entries()} == {LV_NUMBER}


async def test_an_alert_of_the_other_world_puts_nothing(tmp_path: Path) -> None:
    """Neither by its status nor by its channel, nor an exercise that claims to be actual."""
    actual = episode(place=REGION, environment=Environment.ACTUAL)[0]
    disguised = changed(actual, status="Exercise")
    test = changed(actual, status="Test")
    async with open_rig(tmp_path / "o.db") as rig:
        assert [await rig.sink.deliver(m) for m in (actual, disguised, test)] == [None] * 3
        assert await rig.entries() == []
    exercise = episode(place=REGION)[0]
    disguised = changed(exercise, status="Actual")
    async with open_rig(tmp_path / "p.db", environment=Environment.ACTUAL) as rig:
        assert [await rig.sink.deliver(m) for m in (exercise, disguised, test)] == [None] * 3
        assert await rig.entries() == []


async def test_an_actual_alert_past_its_expiry_puts_nothing(tmp_path: Path) -> None:
    """However it came so late: a new group reads a week of alerts, a replay has old times."""
    first = episode(place=REGION, environment=Environment.ACTUAL)[0]
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
    first = episode(place=REGION, decided_ms=now_ms)[0]
    async with open_rig(tmp_path / "o.db", clock=HandClock(now_ms)) as rig:
        assert await rig.sink.deliver(first) == 2
        [entry, _] = await rig.entries()
        assert entry.expires_ms == now_ms + 6 * 3_600_000
        assert await rig.sink.deliver(changed(episode(place=REGION)[0], run="live")) == 0


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
        rig.start()
        for count, alarm in enumerate(alarms, 1):
            await rig.sink.deliver(AlertMessage(alert=alarm, timeline=Timeline()))
            await rig.until_taken(count)
        assert {number for number, _ in rig.gateway.numbers_and_texts()} == {LV_NUMBER, EN_NUMBER}
        assert (EN_NUMBER, "EXERCISE: NATO: the sensor is back.") in rig.gateway.numbers_and_texts()
