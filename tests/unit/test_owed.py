"""What the fault run demands of webhooks, phones, the public and feed alarms can be refused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from account import Account, Decided
from builders import T0_MS
from owed import broken, feeds, phones, public, status, webhooks
from readers import PEOPLE
from receiving import episode
from source_feeds import feeds as monitor_of
from source_feeds import hear, look
from words import ENGLISH

from consumers.outbox.items import Entry, ItemState
from consumers.sms.rules.notice import notice_of
from skyfence.contracts.alert import AnyAlert, PlaceAlert, PublicAlert
from skyfence.monitoring.status import SystemStatus
from skyfence.operators.public_text import public_alert

NUMBER, PLACE = next(iter(PEOPLE.items()))
STATES: Sequence[PlaceAlert] = [
    message.alert for message in episode(place=PLACE) if isinstance(message.alert, PlaceAlert)
]


def decided(alerts: Sequence[AnyAlert], apart_ms: int = 60_000) -> list[Decided]:
    """Return alerts, decided one after another."""
    return [Decided(alert, T0_MS + number * apart_ms) for number, alert in enumerate(alerts)]


def entry(state: PlaceAlert, doubts: int = 0) -> Entry:
    """Return the outbox's entry of a state for the person who lives there."""
    return Entry(
        key=str(state.alert_id),
        recipient=NUMBER,
        chain="",
        body=notice_of(state, T0_MS, T0_MS).to_json().decode(),
        state=ItemState.SUBMITTED,
        added_ms=T0_MS,
        attempts=1,
        doubts=doubts,
        reference=None,
        reason=None,
    )


def account(**changes: Any) -> Account:
    """Return an account in which all of an episode came to everybody."""
    told = [public_alert(state, {}, ENGLISH.public) for state in STATES]
    given = Account(
        decided=decided(STATES),
        public={PLACE: [message for message in told if isinstance(message, PublicAlert)]},
        held=0,
        status=None,
        rejected=0,
        posts=[(str(state.alert_id), state) for state in STATES],
        sms=[(NUMBER, str(state.alert_id)) for state in STATES],
        entries={str(state.alert_id): entry(state) for state in STATES},
    )
    return replace(given, **changes)


def test_what_came_whole_is_no_finding() -> None:
    """An episode that everybody was told whole leaves nothing to say but of the status."""
    assert broken(account()) == ["status: there is none"]


@pytest.mark.parametrize(
    ("came", "finding"),
    [
        (STATES[:3], "has not come"),
        ([*STATES[:2], STATES[3], STATES[2]], "came in the order"),
    ],
)
def test_an_endpoint_is_owed_the_newest_and_the_order(
    came: Sequence[PlaceAlert], finding: str
) -> None:
    """A chain without its newest message, or out of order, is a finding; a double is none."""
    posts = [(str(state.alert_id), state) for state in (came[0], *came)]
    assert [said for said in webhooks(account(posts=posts)) if finding in said]


def test_an_endpoint_that_was_away_is_owed_the_newest_alone() -> None:
    """What was missed in between is nothing that is owed, nor the end of what never came."""
    newest = [(str(STATES[0].alert_id), STATES[0]), (str(STATES[3].alert_id), STATES[3])]
    assert not list(webhooks(account(posts=newest)))
    assert not list(webhooks(account(posts=[])))


@pytest.mark.parametrize(
    ("came", "finding"),
    [
        ([0, 1, 2], "is over, and was last told"),
        ([0, 3], "was told of the shelter"),
        ([0, 1, 1, 3], "came 2 times, 0 in doubt"),
    ],
)
def test_a_person_is_owed_shelter_and_its_end_and_each_once(
    came: Sequence[int], finding: str
) -> None:
    """Who is not told of a shelter that lasts, or of the end, or is told twice, is a finding."""
    sms = [(NUMBER, str(STATES[number].alert_id)) for number in came]
    assert [said for said in phones(account(sms=sms)) if finding in said]


def test_what_was_in_doubt_may_come_twice_and_no_more() -> None:
    """A double is allowed where the outbox counted it as in doubt."""
    twice = [(NUMBER, str(STATES[number].alert_id)) for number in (0, 1, 1, 3)]
    doubtful = {str(state.alert_id): entry(state, doubts=2) for state in STATES}
    assert not list(phones(account(sms=twice, entries=doubtful)))
    thrice = [*twice[:3], *twice[2:]]
    assert [said for said in phones(account(sms=thrice, entries=doubtful)) if "3 times" in said]


def test_a_short_shelter_need_not_reach_a_person() -> None:
    """A shelter that was over before a process could have come back is nothing that is owed."""
    sms = [(NUMBER, str(STATES[number].alert_id)) for number in (0, 3)]
    assert not list(phones(account(sms=sms, decided=decided(STATES, apart_ms=1_000))))


def test_the_public_is_owed_a_decision_and_the_end() -> None:
    """What is held past its deadline, steps twice, and an end that was not told are findings."""
    told = account().public[PLACE]
    assert list(public(account(held=1)))
    assert list(public(account(public={PLACE: [*told, told[-1]]})))
    assert list(public(account(public={PLACE: told[:-1]})))
    assert list(public(account(public={})))


def test_a_status_that_counts_wrongly_is_a_finding() -> None:
    """The status says as much as there is, of everybody who reads alerts."""
    said = SystemStatus.model_validate(
        {"environment": "exercise", "as_of": STATES[0].time, "rejected": {"key": 1}}
    )
    findings = list(status(account(status=said, rejected=2)))
    assert any("and 2 are" in finding for finding in findings)
    assert any("knows only" in finding for finding in findings)


def test_an_alarm_that_stands_is_a_finding() -> None:
    """A silence that is over stands no more; one that goes on does."""
    monitor = monitor_of()
    hear(monitor, 0.0)
    alarms: list[AnyAlert] = [*look(monitor, 200.0)]
    assert len(list(feeds(decided(alarms)))) == len(alarms) > 0
    hear(monitor, 201.0)
    alarms += look(monitor, 202.0)
    assert not list(feeds(decided(alarms)))
