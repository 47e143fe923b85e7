"""What waits to be decided: the clocks it waits for, and the order in which it is settled."""

from datetime import timedelta

from builders import T0, clock, track_event

from skyfence.contracts.track_event import SourceWatermark
from skyfence.incidents.incident import MemberTrack, member_after
from skyfence.incidents.watermark import DecisionQueue, Origin, PendingDecision
from skyfence.times import to_ms


def strand(kind: str, number: int, seconds: float, source: str = "a") -> MemberTrack:
    at = T0 + timedelta(seconds=seconds)
    return member_after(None, track_event(kind, number, source=source, at=at))


def due(questions: DecisionQueue) -> list[tuple[str, int]]:
    return [(one.strand.key.source, one.number) for one in questions.due()]


def tick(questions: DecisionQueue, seconds: float, *keys: str, last: bool = False) -> None:
    for key in keys:
        questions.set_clock(clock(T0 + timedelta(seconds=seconds), key, last=last))


def test_nothing_is_settled_before_the_lowest_clock() -> None:
    """An event waits until every source that is known has come to its time, and no longer."""
    questions = DecisionQueue()
    questions.ask(strand("entered", 1, 10))
    assert due(questions) == []  # no source has said how far it is
    tick(questions, 20, "a")
    tick(questions, 9.999, "b")
    questions.ask(strand("updated", 2, 15))
    assert due(questions) == []
    tick(questions, 10, "b")
    assert due(questions) == [("a", 1)]
    assert questions.lowest_ms() == to_ms(T0) + 10_000


def test_what_is_due_comes_in_order_of_event_time() -> None:
    """Whatever the order of asking; at one time by the tracks' names, then by number."""
    questions = DecisionQueue()
    asked = [("d", 1, 9), ("c", 1, 9), ("b", 2, 9), ("b", 1, 9), ("a", 1, 9), ("e", 1, 3)]
    for source, number, seconds in asked:
        questions.ask(strand("updated", number, seconds, source))
    tick(questions, 9, "a")
    assert due(questions) == [("e", 1), ("a", 1), ("b", 1), ("b", 2), ("c", 1), ("d", 1)]
    assert due(questions) == []


def test_what_is_known_later_is_settled_later() -> None:
    """An event about an earlier time counts from the report that made it known."""
    questions = DecisionQueue()
    earlier = {"at": T0, "last_seen": T0 + timedelta(seconds=8)}
    questions.ask(member_after(None, track_event("exited", 1, **earlier)))
    tick(questions, 7, "a")
    assert due(questions) == []
    tick(questions, 8, "a")
    assert due(questions) == [("radar", 1)]


def test_a_clock_never_goes_back() -> None:
    """A clock that is handed out again holds nothing up."""
    questions = DecisionQueue()
    tick(questions, 20, "a")
    tick(questions, 5, "a")
    assert questions.lowest_ms() == to_ms(T0) + 20_000


def test_a_strand_is_settled_until_it_closes() -> None:
    """As it stood with the event that is due, not as it is by now; a closed one is forgotten."""
    questions = DecisionQueue()
    for number, (kind, seconds) in enumerate([("entered", 1), ("lost", 5), ("expired", 9)], 1):
        questions.ask(strand(kind, number, seconds))
    states = []
    for seconds in (1, 5, 9):
        tick(questions, seconds, "a")
        assert len(list(questions.due())) == 1
        states.append([one.state for one in questions.settled.values()])
    assert states == [["violation"], ["lost"], []]


def test_when_all_sources_have_ended_nothing_waits() -> None:
    """The end of the last source settles everything; a source that begins anew is waited for."""
    questions = DecisionQueue()
    tick(questions, 1, "a", "b")
    questions.ask(strand("entered", 1, 60))
    tick(questions, 1, "a", last=True)
    assert due(questions) == []
    tick(questions, 1, "b", last=True)
    assert due(questions) == [("a", 1)]
    tick(questions, 2, "a")
    assert questions.lowest_ms() == to_ms(T0) + 2_000


def test_a_silent_source_is_left_behind_after_five_minutes() -> None:
    """Five minutes behind the foremost it is waited for, a millisecond more and it is not."""
    questions = DecisionQueue()
    tick(questions, 0, "silent")
    tick(questions, 300, "a")
    assert questions.lowest_ms() == to_ms(T0)
    tick(questions, 300.001, "a")
    assert questions.lowest_ms() == to_ms(T0) + 300_001


def hear(questions: DecisionQueue, seconds: float, source: str, partition: int, at_ms: int) -> None:
    """Let a source's clock strike, in a frame of a partition that reached Kafka at a time."""
    clock = SourceWatermark(run="run", key=source, time=T0 + timedelta(seconds=seconds))
    questions.set_clock(clock, Origin(partition, at_ms))


def test_a_source_whose_reports_wait_is_waited_for() -> None:
    """Far behind is not silent: until its partition was judged past the moment it was overtaken."""
    questions = DecisionQueue()
    hear(questions, 0, "behind", 1, 1_000)
    hear(questions, 301, "a", 2, 1_500)
    hear(questions, 900, "a", 2, 2_000)
    for judged_ms in (1_000, 1_499):
        assert questions.lowest_ms({1: judged_ms, 2: 2_000}) == to_ms(T0)
    assert questions.lowest_ms({1: 1_500, 2: 2_000}) == to_ms(T0) + 900_000


def test_a_source_that_comes_on_is_waited_for_anew() -> None:
    """What moves on, and is far behind still, may have more that waits."""
    questions = DecisionQueue()
    hear(questions, 0, "behind", 1, 1_000)
    hear(questions, 900, "a", 2, 2_000)
    hear(questions, 100, "behind", 1, 1_400)
    assert questions.lowest_ms({1: 1_999, 2: 2_000}) == to_ms(T0) + 100_000
    assert questions.lowest_ms({1: 2_000, 2: 2_000}) == to_ms(T0) + 900_000
    hear(questions, 700, "behind", 1, 2_100)
    assert questions.lowest_ms({1: 5_000, 2: 2_000}) == to_ms(T0) + 700_000


def test_the_last_word_of_a_source_behind_frees_what_waits() -> None:
    """One that has ended is not waited for, wherever its partition is."""
    questions = DecisionQueue()
    hear(questions, 0, "behind", 1, 1_000)
    hear(questions, 900, "a", 2, 2_000)
    clock = SourceWatermark(run="run", key="behind", time=T0, last=True)
    questions.set_clock(clock, Origin(1, 1_100))
    assert questions.lowest_ms({}) == to_ms(T0) + 900_000


def test_a_violation_is_weighed_after_what_joins_tracks() -> None:
    """Of one time, the question whether tracks are one comes first."""
    weighed = strand("entered", 1, 0)
    questions = DecisionQueue()
    questions.ask(weighed, rank=1, later_ms=60_000)
    questions.ask(strand("sighted", 2, 60, "z"))
    tick(questions, 60, "a")
    ranks = [question.rank for question in questions.due()]
    assert ranks == [0, 1]
    assert PendingDecision(0, 0, ("a", "b", 0), 1, weighed) < PendingDecision(
        0, 1, ("a", "a", 0), 1, weighed
    )
