"""Any interleaving of what incidents contribute: what must hold of every place.

Each incident is followed by a source of its own, so its standings keep their order, and between
incidents any order of arrival may be drawn. Falls wait for the slowest source.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import PlaceAlert, PlaceLevel, level_rank
from skyfence.identity import derive
from skyfence.naming import ALLIANCE, Environment
from skyfence.places.contribution import Contribution, Standing
from skyfence.places.messages import PlaceWording
from skyfence.places.places import Places, RunPlaces
from skyfence.times import LATEST_MS, to_ms

T0_MS: Final = 1_725_700_000_000
MINUTE_MS: Final = 60_000
NATIONS: Final = {"AA-1": "AA", "AA-2": "AA", "BB-1": "BB"}
# The places that a region's state concerns: itself, and those above it.
ABOVE: Final = {region: (region, nation, ALLIANCE) for region, nation in NATIONS.items()}
# An incident lives for this long at least: an object that is gone is not let go before.
LIVES_MS: Final = 10 * MINUTE_MS
MOST_SOUNDS: Final = 10

Story = list[list[Standing]]  # each incident's standings, in order; the last one closes it


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw one to five incidents."""
    return [draw(incidents(number)) for number in range(draw(st.integers(1, 5)))]


@st.composite
def raids(draw: st.DrawFn) -> Story:
    """Draw eight to sixteen incidents that begin within four minutes."""
    return [draw(incidents(number, 8)) for number in range(draw(st.integers(8, 16)))]


@st.composite
def incidents(draw: st.DrawFn, number: int, latest: int = 40) -> list[Standing]:
    """Draw an incident's standings; it opens within so many half minutes."""
    at_ms = T0_MS + draw(st.integers(0, latest)) * 30_000 + number
    opened_ms, standings = at_ms, []
    regions = st.lists(st.sampled_from(sorted(NATIONS)), max_size=2, unique=True)
    for _ in range(draw(st.integers(1, 6))):
        contributions = {region: draw(contribution()) for region in draw(regions)}
        lost = draw(st.booleans())
        standings.append(_standing(number, at_ms, contributions, draw(regions), lost=lost))
        at_ms += draw(st.integers(1, 40)) * 15_000
    at_ms = max(at_ms, opened_ms + LIVES_MS)
    return [*standings, _standing(number, at_ms, {}, (), over=True)]


@st.composite
def contribution(draw: st.DrawFn) -> Contribution:
    """Draw what an object asks of a region."""
    level: PlaceLevel = draw(st.sampled_from(get_args(PlaceLevel)[1:]))
    return Contribution(
        kind="region",
        level=level,
        minutes_left=draw(st.integers(0, 20)) if level == "prepare" else None,
        direction=draw(st.none() | st.integers(0, 7)),
    )


def _standing(
    number: int,
    at_ms: int,
    contributions: dict[str, Contribution],
    in_reach: Iterable[str],
    *,
    lost: bool = False,
    over: bool = False,
) -> Standing:
    return Standing(
        incident_id=derive("incident", "property", str(number)),
        time_ms=at_ms,
        known_ms=at_ms,
        contributions=contributions,
        in_reach=frozenset(in_reach),
        lost=lost,
        over=over,
    )


@dataclass
class Teller:
    """Hands standings over in some order of arrival, and remembers what is told."""

    story: Story

    def __post_init__(self) -> None:
        wording = PlaceWording(ENGLISH.operators, {})
        self.places = Places(Environment.EXERCISE, wording, NATIONS)
        self.run = RunPlaces()
        self.told: list[PlaceAlert] = []
        self.next = [0] * len(self.story)

    def tell(self, number: int) -> list[PlaceAlert]:
        """Take an incident's next standing, and let fall what is due; return what is told."""
        standing = self.story[number][self.next[number]]
        self.next[number] += 1
        self.places.note(self.run, standing)
        at_ms = standing.time_ms
        messages = list(self.places.flush("run", self.run, at_ms, at_ms))
        messages += self.places.settle("run", self.run, self.watermark_ms)
        messages += self.places.flush("run", self.run, self.watermark_ms, self.watermark_ms)
        self.told += messages
        return messages

    def end(self) -> None:
        """Let all time pass: the run is over."""
        self.told += self.places.settle("run", self.run, LATEST_MS)

    @property
    def open(self) -> Iterator[set[str]]:
        """Yield the regions that each open incident asks for, or has just left within reach."""
        for standings, done in zip(self.story, self.next, strict=True):
            if done and not standings[done - 1].over:
                last, earlier = standings[done - 1], standings[max(0, done - 2)]
                yield {*last.contributions, *(last.in_reach & earlier.contributions.keys())}

    @property
    def watermark_ms(self) -> int:
        """Return how far all sources have come that have not ended."""
        heard = [
            standings[done - 1].time_ms if done else T0_MS
            for standings, done in zip(self.story, self.next, strict=True)
            if done < len(standings)
        ]
        latest_ms = max(standings[-1].time_ms for standings in self.story)
        return min(heard, default=latest_ms)


@st.composite
def orders(draw: st.DrawFn, story: Story) -> list[int]:
    """Draw an order of arrival: an incident's number for each standing."""
    numbers = [number for number, standings in enumerate(story) for _ in standings]
    return draw(st.permutations(numbers))


def in_time(story: Story) -> list[int]:
    """Return the order of event time."""
    times = [(standing.time_ms, number) for number, each in enumerate(story) for standing in each]
    return [number for _, number in sorted(times)]


def told(story: Story, order: Sequence[int]) -> list[PlaceAlert]:
    """Return what is told of a story whose standings arrive in an order."""
    teller = Teller(story)
    for number in order:
        teller.tell(number)
    teller.end()
    return teller.told


def by_place(messages: Iterable[PlaceAlert]) -> dict[str, list[PlaceAlert]]:
    """Return each place's messages."""
    places = defaultdict(list)
    for message in messages:
        places[message.place].append(message)
    return places


@settings(max_examples=100)
@given(st.data())
def test_a_place_is_clear_only_when_nothing_open_concerns_it(data: st.DataObject) -> None:
    """No message says clear while an open incident asks for the place or can be back there."""
    story = data.draw(stories())
    teller = Teller(story)
    for number in data.draw(orders(story)):
        for message in teller.tell(number):
            if message.level == "clear":
                concerned = {
                    place for each in teller.open for region in each for place in ABOVE[region]
                }
                assert message.place not in concerned, message.headline


@settings(max_examples=100)
@given(st.data())
def test_after_the_last_close_there_is_exactly_one_clear(data: st.DataObject) -> None:
    """When all incidents are closed each place that was told anything ends with one clear."""
    story = data.draw(stories())
    for place, messages in by_place(told(story, data.draw(orders(story)))).items():
        assert messages[-1].level == "clear", place
        for earlier, later in pairwise(messages):
            if earlier.level == "clear":
                assert later.level != "clear", place


@settings(max_examples=100)
@given(st.data())
def test_steps_count_without_a_gap(data: st.DataObject) -> None:
    """An episode's steps count from 1, a place's episodes too, and each ends with its clear."""
    story = data.draw(stories())
    for messages in by_place(told(story, data.draw(orders(story)))).values():
        assert (messages[0].episode, messages[0].step) == (1, 1)
        for earlier, later in pairwise(messages):
            expected = (
                (earlier.episode + 1, 1)
                if earlier.level == "clear"
                else (earlier.episode, earlier.step + 1)
            )
            assert (later.episode, later.step) == expected


@settings(max_examples=60)
@given(raids())
def test_no_place_sounds_more_than_ten_times_in_ten_minutes(story: Story) -> None:
    """Whatever incidents do, ten minutes of event time hold ten sounds of a place at most."""
    for place, messages in by_place(told(story, in_time(story))).items():
        times = sorted(to_ms(each.known) for each in messages if each.notify == "sound")
        for first, last in zip(times, times[MOST_SOUNDS:], strict=False):
            assert last - first >= 10 * MINUTE_MS, place


@settings(max_examples=100)
@given(st.data())
def test_no_order_of_arrival_lowers_a_level(data: st.DataObject) -> None:
    """Once all sources have come as far, no place is calmer than if all had come in time."""
    story, cut_ms = _cut(data.draw(stories()), T0_MS + data.draw(st.integers(0, 80)) * 30_000)
    in_order = levels(story, in_time(story), cut_ms)
    late = levels(story, data.draw(orders(story)), cut_ms)
    for place, level in in_order.items():
        assert level_rank(late.get(place, "clear")) >= level_rank(level), place


def test_levels_are_the_same_in_any_order_of_arrival() -> None:
    """What falls at the first minute has fallen, though the second source comes half an hour late.

    The object asks for ``prepare``, has left, and asks for ``watch`` half an hour later.
    """
    prepare, watch = (Contribution(kind="region", level=level) for level in ("prepare", "watch"))
    own = [
        _standing(0, T0_MS, {"AA-1": prepare}, ()),
        _standing(0, T0_MS + MINUTE_MS, {}, ()),
        _standing(0, T0_MS + 10 * MINUTE_MS, {}, ()),
        _standing(0, T0_MS + 20 * MINUTE_MS, {"AA-1": watch}, ()),
    ]
    story = [own, [_standing(1, T0_MS + 20 * MINUTE_MS, {}, ())]]
    end_ms = T0_MS + 20 * MINUTE_MS
    in_order = levels([own], [0] * len(own), end_ms)
    assert levels(story, [0] * len(own) + [1], end_ms) == in_order


def levels(story: Story, order: Sequence[int], until_ms: int) -> dict[str, PlaceLevel]:
    """Return the level of each place when all standings have come and all sources are as far."""
    teller = Teller(story)
    for number in order:
        teller.tell(number)
    teller.told += teller.places.settle("run", teller.run, until_ms)
    return {place: messages[-1].level for place, messages in by_place(teller.told).items()}


def _cut(story: Story, until_ms: int) -> tuple[Story, int]:
    """Return what of a story comes up to a time; of each incident its opening at least."""
    cut = [[each for each in own if each.time_ms <= until_ms] or own[:1] for own in story]
    return cut, max(until_ms, *(own[-1].time_ms for own in cut))
