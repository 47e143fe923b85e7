"""Quiet merging: few messages, and never one less than it takes."""

import random
from typing import Any

import pytest
from builders import T0

from consumers.sms.rules.merging import LEAST_PER_INCIDENT, EarlierMessage, decide
from consumers.sms.rules.notice import Notice

SEED = 20260917
ENDING = ("all_clear", "merged", "feed_back", "situation_over")


def notice(step: int, kind: str = "threat", place: str = "AA-1", **changes: Any) -> Notice:
    """Return news for a place."""
    given = {
        "kind": kind,
        "status": "Exercise",
        "severity": "Severe",
        "language": "en",
        "place": place,
        "place_kind": "region",
        "step": step,
        "last": kind in ENDING,
        "time": T0,
        "as_of": T0,
    }
    return Notice.model_validate(given | changes)


def earlier(*notices: Notice, waits: bool = False, reaches: bool = True) -> list[EarlierMessage]:
    """Return notices as they stand in an outbox."""
    return [EarlierMessage(f"{n.place}/{n.step}", n, waits=waits, reaches=reaches) for n in notices]


def test_the_first_warning_is_sent() -> None:
    """Nobody told of an incident yet is told, however few a person may get."""
    assert decide(notice(1), [], LEAST_PER_INCIDENT).sent
    full = earlier(*[notice(n, place="AA-2") for n in range(1, 9)])
    assert decide(notice(1), full, LEAST_PER_INCIDENT).sent


def test_no_more_than_the_number_is_sent() -> None:
    """An update beyond it is not sent; one that failed or was merged does not count."""
    reaching = earlier(*[notice(n, minutes=20 - n) for n in range(1, 4)])
    assert not decide(notice(4), reaching, 3).sent
    assert decide(notice(4), reaching, 4).sent
    unsent = earlier(notice(3), reaches=False)
    assert decide(notice(4), [*reaching[:2], *unsent], 3).sent


def test_the_number_is_of_an_incident_not_of_a_place() -> None:
    """Who answers for several places gets no more for it, save what must be."""
    reaching = earlier(notice(1), notice(2), notice(1, place="AA-2"))
    assert not decide(notice(2, place="AA-2"), reaching, 3).sent


@pytest.mark.parametrize("kind", ENDING)
def test_the_end_is_always_sent(kind: str) -> None:
    """Whatever the number says, and whatever was sent before."""
    assert decide(notice(9, kind), earlier(*[notice(n) for n in range(1, 9)]), 3).sent


@pytest.mark.parametrize("before", ["threat", "possible", "lost_watch", "exited", "averted"])
def test_a_worsening_to_a_confirmed_violation_is_always_sent(before: str) -> None:
    """From anything less, also after it had been confirmed earlier; but not a second time."""
    reaching = earlier(notice(1), notice(2, "violation"), notice(3, before))
    assert decide(notice(4, "violation"), reaching, 3).sent
    assert not decide(notice(5, "violation"), [*reaching, *earlier(notice(4, "violation"))], 3).sent


def test_what_waits_is_replaced_by_what_is_newer() -> None:
    """Of its own place only; what the gateway has stays, and the newer one is sent instead."""
    waiting = earlier(notice(2), notice(1, place="AA-2"), waits=True)
    verdict = decide(notice(3), [*earlier(notice(1)), *waiting], 6)
    assert verdict.sent
    assert verdict.replaces == ("AA-1/2",)


def test_what_replaces_is_sent_whatever_the_number_says() -> None:
    """A first warning that waits is never lost to an update that then is one too many."""
    waiting = earlier(notice(1), waits=True)
    others = earlier(*[notice(n, place="AA-2") for n in range(1, 9)])
    assert decide(notice(2), [*others, *waiting], 3).sent


def test_an_older_step_is_no_news() -> None:
    """What comes out of order is not sent after what is newer."""
    assert not decide(notice(1), earlier(notice(2, "violation")), 6).sent


@pytest.mark.parametrize(
    ("region", "nation", "sent"),
    [
        ("violation", "violation", False),
        ("violation", "threat", False),
        ("threat", "threat", False),
        ("threat", "violation", True),
        ("averted", "threat", True),
        ("exited", "exited", False),
        ("all_clear", "all_clear", False),
        ("averted", "all_clear", True),
        ("violation", "all_clear", True),
    ],
)
def test_a_nation_is_told_only_what_is_graver_than_its_region_said_last(
    region: str, nation: str, sent: bool
) -> None:
    """An end is said by an end alone: nobody is left waiting for it."""
    reaching = earlier(notice(1, "violation"), notice(2, region))
    assert decide(notice(1, nation, "AA", place_kind="nation"), reaching, 6).sent is sent
    above = earlier(notice(2, region, "AA", place_kind="nation"))
    assert decide(notice(1, nation, "NATO", place_kind="alliance"), above, 6).sent is sent


def test_what_waits_goes_when_its_end_is_covered() -> None:
    """A nation's alarm that still waits is not sent after its region's all-clear."""
    waiting = earlier(notice(1, "violation", "AA", place_kind="nation"), waits=True)
    ended = earlier(notice(3, "all_clear"))
    verdict = decide(notice(2, "all_clear", "AA", place_kind="nation"), [*waiting, *ended], 6)
    assert not verdict.sent
    assert verdict.replaces == ("AA/1",)


def test_a_region_is_never_covered_by_its_nation() -> None:
    """What is nearer counts: the region speaks whatever the nation has said."""
    reaching = earlier(notice(2, "violation", "AA", place_kind="nation"))
    assert decide(notice(1, "threat"), reaching, 6).sent


def test_the_same_words_are_not_sent_again() -> None:
    """A person reads them once; other minutes, other nations and an end are other words."""
    reaching = earlier(notice(1, "violation"))
    assert not decide(notice(2, "violation"), reaching, 6).sent
    threat = earlier(notice(1, minutes=4))
    assert not decide(notice(2, minutes=4), threat, 6).sent
    assert decide(notice(2, minutes=2), threat, 6).sent
    alliance = {"place": "NATO", "place_kind": "alliance"}
    first = earlier(notice(1, "violation", nations=("LV",), **alliance))
    assert decide(notice(2, "violation", nations=("LV", "LT"), **alliance), first, 6).sent
    assert decide(notice(2, "all_clear"), earlier(notice(1, "all_clear")), 6).sent
    between = earlier(notice(1, "violation"), notice(2, "exited"))
    assert decide(notice(3, "violation"), between, 6).sent


def test_two_regions_are_both_told() -> None:
    """One event that concerns two regions of a person is two messages."""
    assert decide(notice(1, place="AA-2"), earlier(notice(1)), 6).sent


def test_any_story_keeps_its_promises() -> None:
    """Over random chains: never above the number but for what must be, and the end always there."""
    rng = random.Random(SEED)
    print(f"seed {SEED}")  # noqa: T201 - so that a failure can be repeated
    kinds = ["threat", "possible", "violation", "exited", "lost_watch"]
    for _ in range(300):
        most, seen, must = rng.randint(3, 6), list[EarlierMessage](), 0
        last: Notice | None = None
        for step in range(1, rng.randint(3, 15)):
            news = notice(step, rng.choice(kinds), minutes=step)
            verdict = decide(news, seen, most)
            worse = news.kind == "violation" and last is not None and last.level < news.level
            must += step == 1 or worse
            if step == 1 or worse:
                assert verdict.sent
            seen += earlier(news, reaches=verdict.sent)
            last = news if verdict.sent else last
        assert decide(notice(99, "all_clear"), seen, most).sent
        assert sum(message.reaches for message in seen) <= most + must
