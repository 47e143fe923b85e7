"""What waits to be decided: the clocks it waits for, and the order in which it is settled."""

from datetime import timedelta

from builders import T0, clock, track_event

from skyfence.contracts.track_event import SourceWatermark
from skyfence.incidents.incident import MemberTrack, member_after
from skyfence.incidents.watermark import DecisionQueue, Origin, PendingDecision
from skyfence.times import to_ms


def member(kind: str, number: int, seconds: float, source: str = "a") -> MemberTrack:
    at = T0 + timedelta(seconds=seconds)
    return member_after(None, track_event(kind, number, source=source, at=at))


def due(queue: DecisionQueue) -> list[tuple[str, int]]:
    return [(decision.track.key.source, decision.event_number) for decision in queue.pop_due()]


def tick(queue: DecisionQueue, seconds: float, *keys: str, last: bool = False) -> None:
    for key in keys:
        queue.advance(clock(T0 + timedelta(seconds=seconds), key, last=last))


def test_nothing_is_settled_before_the_lowest_clock() -> None:
    """An event waits until every source that is known has come to its time, and no longer."""
    queue = DecisionQueue()
    queue.add(member("entered", 1, 10))
    assert due(queue) == []  # no source has said how far it is
    tick(queue, 20, "a")
    tick(queue, 9.999, "b")
    queue.add(member("updated", 2, 15))
    assert due(queue) == []
    tick(queue, 10, "b")
    assert due(queue) == [("a", 1)]
    assert queue.watermark_ms() == to_ms(T0) + 10_000


def test_what_is_due_comes_in_order_of_event_time() -> None:
    """Whatever the order of asking; at one time by the tracks' names, then by number."""
    queue = DecisionQueue()
    asked = [("d", 1, 9), ("c", 1, 9), ("b", 2, 9), ("b", 1, 9), ("a", 1, 9), ("e", 1, 3)]
    for source, number, seconds in asked:
        queue.add(member("updated", number, seconds, source))
    tick(queue, 9, "a")
    assert due(queue) == [("e", 1), ("a", 1), ("b", 1), ("b", 2), ("c", 1), ("d", 1)]
    assert due(queue) == []


def test_what_is_known_later_is_settled_later() -> None:
    """An event about an earlier time counts from the report that made it known."""
    queue = DecisionQueue()
    earlier = {"at": T0, "last_seen": T0 + timedelta(seconds=8)}
    queue.add(member_after(None, track_event("exited", 1, **earlier)))
    tick(queue, 7, "a")
    assert due(queue) == []
    tick(queue, 8, "a")
    assert due(queue) == [("radar", 1)]


def test_a_clock_never_goes_back() -> None:
    """A clock that is handed out again holds nothing up."""
    queue = DecisionQueue()
    tick(queue, 20, "a")
    tick(queue, 5, "a")
    assert queue.watermark_ms() == to_ms(T0) + 20_000


def test_a_strand_is_settled_until_it_closes() -> None:
    """As it stood with the event that is due, not as it is by now; a closed one is forgotten."""
    queue = DecisionQueue()
    for number, (kind, seconds) in enumerate([("entered", 1), ("lost", 5), ("expired", 9)], 1):
        queue.add(member(kind, number, seconds))
    states = []
    for seconds in (1, 5, 9):
        tick(queue, seconds, "a")
        assert len(list(queue.pop_due())) == 1
        states.append([member.state for member in queue.decided.values()])
    assert states == [["violation"], ["lost"], []]


def test_when_all_sources_have_ended_nothing_waits() -> None:
    """The end of the last source settles everything; a source that begins anew is waited for."""
    queue = DecisionQueue()
    tick(queue, 1, "a", "b")
    queue.add(member("entered", 1, 60))
    tick(queue, 1, "a", last=True)
    assert due(queue) == []
    tick(queue, 1, "b", last=True)
    assert due(queue) == [("a", 1)]
    tick(queue, 2, "a")
    assert queue.watermark_ms() == to_ms(T0) + 2_000


def test_a_silent_source_is_left_behind_after_five_minutes() -> None:
    """Five minutes behind the foremost it is waited for, a millisecond more and it is not."""
    queue = DecisionQueue()
    tick(queue, 0, "silent")
    tick(queue, 300, "a")
    assert queue.watermark_ms() == to_ms(T0)
    tick(queue, 300.001, "a")
    assert queue.watermark_ms() == to_ms(T0) + 300_001


def hear(queue: DecisionQueue, seconds: float, source: str, partition: int, at_ms: int) -> None:
    """Let a source's clock strike, in a frame of a partition that reached Kafka at a time."""
    clock = SourceWatermark(run="run", key=source, time=T0 + timedelta(seconds=seconds))
    queue.advance(clock, Origin(partition, at_ms))


def test_a_source_whose_reports_wait_is_waited_for() -> None:
    """Far behind is not silent: until its partition was judged past the moment it was overtaken."""
    queue = DecisionQueue()
    hear(queue, 0, "behind", 1, 1_000)
    hear(queue, 301, "a", 2, 1_500)
    hear(queue, 900, "a", 2, 2_000)
    for judged_ms in (1_000, 1_499):
        assert queue.watermark_ms({1: judged_ms, 2: 2_000}) == to_ms(T0)
    assert queue.watermark_ms({1: 1_500, 2: 2_000}) == to_ms(T0) + 900_000


def test_a_source_that_comes_on_is_waited_for_anew() -> None:
    """What moves on, and is far behind still, may have more that waits."""
    queue = DecisionQueue()
    hear(queue, 0, "behind", 1, 1_000)
    hear(queue, 900, "a", 2, 2_000)
    hear(queue, 100, "behind", 1, 1_400)
    assert queue.watermark_ms({1: 1_999, 2: 2_000}) == to_ms(T0) + 100_000
    assert queue.watermark_ms({1: 2_000, 2: 2_000}) == to_ms(T0) + 900_000
    hear(queue, 700, "behind", 1, 2_100)
    assert queue.watermark_ms({1: 5_000, 2: 2_000}) == to_ms(T0) + 700_000


def test_the_last_word_of_a_source_behind_frees_what_waits() -> None:
    """One that has ended is not waited for, wherever its partition is."""
    queue = DecisionQueue()
    hear(queue, 0, "behind", 1, 1_000)
    hear(queue, 900, "a", 2, 2_000)
    clock = SourceWatermark(run="run", key="behind", time=T0, last=True)
    queue.advance(clock, Origin(1, 1_100))
    assert queue.watermark_ms({}) == to_ms(T0) + 900_000


def test_a_run_begins_when_all_partitions_have_come_to_its_beginning() -> None:
    """Sources whose first reports wait in a partition that is behind are waited for, unknown."""
    queue = DecisionQueue()
    hear(queue, 0, "a", 2, 100_000)
    hear(queue, 60, "a", 2, 130_000)
    for judged_ms in (90_000, 100_500, 109_999):
        assert queue.watermark_ms({1: judged_ms, 2: 130_000}) == float("-inf")
    assert queue.watermark_ms({1: 110_000, 2: 130_000}) == to_ms(T0) + 60_000


def test_a_run_does_not_wait_for_the_partition_that_it_comes_from() -> None:
    """A worker that has just begun judges it late, and knows at once that the others are empty."""
    queue = DecisionQueue()
    hear(queue, 0, "a", 2, 100_000)
    assert queue.watermark_ms({1: 130_000, 2: 100_000}) == to_ms(T0)
    assert queue.watermark_ms({1: 130_000, 2: 100_000, 3: 109_999}) == float("-inf")


def test_a_short_run_that_has_ended_holds_itself_up_no_longer() -> None:
    """Its own partition was judged to its end, and nothing came there since; another's was not."""
    queue = DecisionQueue()
    hear(queue, 0, "a", 2, 100_000)
    last = SourceWatermark(run="run", key="a", time=T0, last=True)
    queue.advance(last, Origin(2, 103_000))
    assert queue.watermark_ms({1: 130_000, 2: 103_000}) == float("inf")
    assert not queue.is_undecided({1: 130_000, 2: 103_000})
    assert queue.is_undecided({1: 130_000, 2: 103_000, 3: 101_999})
    assert queue.watermark_ms({1: 130_000, 2: 103_000, 3: 101_999}) == float("-inf")
    assert queue.watermark_ms({1: 130_000, 2: 103_000, 3: 99_999}) == float("-inf")


def test_a_partition_in_which_nothing_waits_holds_no_beginning_up() -> None:
    """What was said to be judged a moment ago is not behind."""
    queue = DecisionQueue()
    hear(queue, 0, "a", 2, 100_000)
    assert queue.watermark_ms({1: 90_000, 2: 100_000}) == to_ms(T0)
    hear(queue, 5, "a", 2, 105_000)
    assert queue.watermark_ms({1: 90_000, 2: 105_000}) == to_ms(T0) + 5_000
    hear(queue, 6, "a", 2, 106_000)
    assert queue.watermark_ms({1: 90_000, 2: 106_000}) == float("-inf")


def test_a_run_whose_beginning_is_not_known_is_not_held_up() -> None:
    """Checkpoints of before, and recordings that are scanned, name no beginning."""
    queue = DecisionQueue()
    tick(queue, 6, "a")
    assert queue.watermark_ms({1: 90_000, 2: 200_000}) == to_ms(T0) + 6_000


def test_a_violation_is_weighed_after_what_joins_tracks() -> None:
    """Of one time, the question whether tracks are one comes first."""
    weighed = member("entered", 1, 0)
    queue = DecisionQueue()
    queue.add(weighed, rank=1, delay_ms=60_000)
    queue.add(member("sighted", 2, 60, "z"))
    tick(queue, 60, "a")
    ranks = [decision.rank for decision in queue.pop_due()]
    assert ranks == [0, 1]
    assert PendingDecision(0, 0, ("a", "b", 0), 1, weighed) < PendingDecision(
        0, 1, ("a", "a", 0), 1, weighed
    )
