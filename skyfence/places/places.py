"""The places of a run: what incidents contribute comes in, messages of places come out.

    Standing of an incident ──▶ note ──▶ holdings of each place: up at once
    watermark of the run ─────▶ settle ─▶ falls that are due, in order of event time
                                  └─────▶ flush ──▶ ``announcer`` for each place that changed

Raising never waits. Lowering waits until every healthy source of the run has come as far, so that
no report that would have held the level can still come. Regions are told before nations, and these
before the alliance, all of one event in the same instant. Does not decide what is told
(``announcer``), does no I/O and reads no clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import PlaceAlert, PlaceKind, level_rank
from skyfence.naming import ALLIANCE, Environment
from skyfence.places.announcer import Announcer, news_of
from skyfence.places.contribution import Contribution, Standing
from skyfence.places.holding import Holding
from skyfence.places.messages import PlaceSituation, PlaceWording
from skyfence.places.parameters import PlaceParameters
from skyfence.places.place_state import PlaceState
from skyfence.places.place_view import PlaceView
from skyfence.times import LATEST_MS

# People first, then those who answer for them.
_TOLD_IN_ORDER: Final[Mapping[PlaceKind, int]] = {
    "zone": 0,
    "region": 0,
    "nation": 1,
    "alliance": 2,
}


@dataclass
class RunPlaces:
    """The places of one run that an incident concerns, or has concerned, by identifier.

    ``touched`` are those whose holdings have changed since the last flush. No fall is due before
    ``next_fall_ms``. ``latest_ms`` is the last event time that was taken in. ``unseen`` are all
    places of the run that no healthy source covers, as found out at ``covered_ms``, wall clock.
    """

    states: dict[str, PlaceState] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    next_fall_ms: int | None = None
    latest_ms: int = 0
    unseen: list[str] = field(default_factory=list)
    covered_ms: int = 0


class Places:
    """Keeps the states of places; it remembers none itself (``RunPlaces``).

    ``nations`` names the nation of each region.
    """

    def __init__(
        self,
        environment: Environment,
        wording: PlaceWording,
        nations: Mapping[str, str],
        parameters: PlaceParameters | None = None,
    ) -> None:
        self._nations = nations
        self._parameters = parameters or PlaceParameters()
        self._announcer = Announcer(environment, wording, self._parameters)

    def note(self, places: RunPlaces, standing: Standing) -> None:
        """Take in where an incident stands; ``flush`` must follow."""
        if standing.merged_into is not None:
            self._merge(places, standing)
        held = {
            place: holding
            for place, state in places.states.items()
            if (holding := state.holdings.get(standing.incident_id)) is not None
        }
        for holding in held.values():
            # Joined with an incident that is counted, it is.
            holding.counts_from_ms = min(holding.counts_from_ms, standing.counts_from_ms)
        for place, contribution in standing.contributions.items():
            state = places.states.get(place)
            if state is None:
                state = places.states[place] = PlaceState(contribution.kind)
            if self._hold(state, contribution, standing):
                # An object that turns is no new danger to those above.
                self._touch(places, place, () if held else state.new_directions)
            self._expect_fall(places, state.holdings[standing.incident_id])
        for place, holding in held.items():
            if place in standing.contributions:
                continue
            if self._leave(place, places.states[place], holding, standing):
                self._touch(places, place)
            self._expect_fall(places, holding)
        places.latest_ms = max(places.latest_ms, standing.time_ms)

    def cover(self, places: RunPlaces, unseen: Iterable[str], known_ms: int) -> None:
        """Note which places no healthy source covers; ``flush`` must follow.

        ``known_ms`` is when that was found out, wall clock: what is older is passed over.
        """
        if known_ms < places.covered_ms:
            return
        places.covered_ms = known_ms
        places.unseen = sorted(unseen)
        for name, state in places.states.items():
            if state.unseen != (name in places.unseen):
                places.touched.append(name)

    def settle(self, run: str, places: RunPlaces, watermark_ms: int) -> Iterator[PlaceAlert]:
        """Let levels fall that are due before the watermark, each as of its own time."""
        if places.next_fall_ms is None or places.next_fall_ms > watermark_ms:
            return
        while (due := self._next_fall(places, watermark_ms)) is not None:
            # What falls at the same instant is told together; at once is as of now.
            for name, state in list(places.states.items()):
                if self._apply_falls(state, due):
                    self._touch(places, name)
            yield from self.flush(run, places, due or watermark_ms, watermark_ms)
        places.next_fall_ms = self._next_fall(places, LATEST_MS)

    def flush(
        self, run: str, places: RunPlaces, time_ms: int, known_ms: int, *, at_end: bool = False
    ) -> Iterator[PlaceAlert]:
        """Yield a message for each place whose state is another than was told.

        ``at_end`` of a run what waits to be told quietly is told.
        """
        waiting = [
            name
            for name, state in places.states.items()
            if (state.waits and (at_end or self._announcer.is_quiet_due(state, time_ms)))
            or (state.count_due_ms is not None and state.count_due_ms <= known_ms)
        ]
        touched = dict.fromkeys([*places.touched, *waiting])
        places.touched = []
        order = sorted(touched, key=lambda name: (_TOLD_IN_ORDER[places.states[name].kind], name))
        for name in order:
            alert = self._tell(run, places, name, (time_ms, known_ms), may_wait=not at_end)
            if alert is not None:
                yield alert

    def _hold(self, state: PlaceState, contribution: Contribution, standing: Standing) -> bool:
        """Have an incident hold a place; return whether there may be something to tell."""
        holding = state.holdings.get(standing.incident_id)
        if holding is not None:
            return holding.take(
                contribution, standing.time_ms, self._parameters, lost=standing.lost
            )
        counts_from_ms = standing.counts_from_ms
        holding = Holding.begin(
            contribution, standing.time_ms, lost=standing.lost, counts_from_ms=counts_from_ms
        )
        state.holdings[standing.incident_id] = holding
        direction = contribution.direction
        # What may be an object that is counted flies as that does.
        counts = counts_from_ms <= standing.known_ms
        if (
            counts
            and direction is not None
            and level_rank(contribution.level) >= level_rank("prepare")
        ):
            _add(state.new_directions, (direction,))
        return True

    def _leave(self, place: str, state: PlaceState, holding: Holding, standing: Standing) -> bool:
        """Have an incident ask nothing of a place any more; return whether there is news now.

        The level changes only when it falls.
        """
        if standing.over:
            holding.close(standing.time_ms, self._parameters, at_once=standing.at_once)
            return False
        if holding.has_ended(standing.time_ms, self._parameters):
            return False
        gone = Contribution(
            kind=state.kind,
            level="clear" if standing.lets_go else "watch",
            circling=holding.circling,
        )
        return holding.take(
            gone,
            standing.time_ms,
            self._parameters,
            lost=standing.lost,
            in_reach=place in standing.in_reach,
        )

    def _expect_fall(self, places: RunPlaces, holding: Holding) -> None:
        """Note when a holding may fall, so that nobody looks for falls before."""
        fall = holding.fall(self._parameters)
        if fall is None:
            return
        if places.next_fall_ms is None or fall[0] < places.next_fall_ms:
            places.next_fall_ms = fall[0]

    def _merge(self, places: RunPlaces, standing: Standing) -> None:
        """Let the incident that goes on hold what the other one held."""
        assert standing.merged_into is not None  # noqa: S101 - the caller has asked
        for name, state in places.states.items():
            moved = state.holdings.pop(standing.incident_id, None)
            if moved is None:
                continue
            own = state.holdings.get(standing.merged_into)
            if own is not None:
                moved.counts_from_ms = min(own.counts_from_ms, moved.counts_from_ms)
                own.counts_from_ms = moved.counts_from_ms
            if own is None or level_rank(own.level) < level_rank(moved.level):
                state.holdings[standing.merged_into] = moved
            self._touch(places, name)

    def _touch(self, places: RunPlaces, name: str, directions: Iterable[int] = ()) -> None:
        """Have a place looked at in the next flush, and those above it: a zone has none."""
        if places.states[name].kind == "zone":
            places.touched.append(name)
            return
        above: list[tuple[str, PlaceKind]] = [(ALLIANCE, "alliance")]
        nation = self._nations.get(name)
        if nation is not None:
            above.append((nation, "nation"))
        for other, kind in above:
            state = places.states.get(other)
            if state is None:
                state = places.states[other] = PlaceState(kind)
            if other != name:
                _add(state.new_directions, directions)
        places.touched.extend([name, *(other for other, _ in above)])

    def _view(self, places: RunPlaces, name: str, at_ms: int) -> PlaceView:
        """Return what holds a place as of an event time."""
        kind = places.states[name].kind
        own = places.states[name].holdings
        if kind not in ("nation", "alliance"):
            return PlaceView(own, at_ms)
        return PlaceView.over(self._holdings(places, name), at_ms)

    def _holdings(self, places: RunPlaces, name: str) -> Iterator[Mapping[UUID, Holding]]:
        """Yield the holdings of a place, and of each place beneath it."""
        yield places.states[name].holdings
        if places.states[name].kind in ("nation", "alliance"):
            for other, state in places.states.items():
                if other != name and state.kind != "zone" and self._is_beneath(other, name):
                    yield state.holdings

    def _is_beneath(self, other: str, name: str) -> bool:
        return name in (ALLIANCE, self._nations.get(other))

    def _next_fall(self, places: RunPlaces, until_ms: int) -> int | None:
        """Return when the earliest fall up to a time is due; None where none is."""
        falls = [
            fall[0]
            for state in places.states.values()
            for holding in state.holdings.values()
            if (fall := holding.fall(self._parameters)) is not None and fall[0] <= until_ms
        ]
        return min(falls, default=None)

    def _apply_falls(self, state: PlaceState, until_ms: int) -> bool:
        """Let a place's holdings fall as is due up to a time; return whether any did."""
        fell = False
        for incident_id, holding in list(state.holdings.items()):
            while (fall := holding.fall(self._parameters)) is not None and fall[0] <= until_ms:
                fell = True
                holding.settle(fall[1])
                if holding.level == "clear":
                    del state.holdings[incident_id]
                    break
        return fell

    def _tell(
        self,
        run: str,
        places: RunPlaces,
        name: str,
        times_ms: tuple[int, int],
        *,
        may_wait: bool,
    ) -> PlaceAlert | None:
        state = places.states[name]
        view, unseen = self._view(places, name, times_ms[1]), name in places.unseen
        news = news_of(state, view, unseen=unseen)
        state.waits, state.count_due_ms = False, view.count_due_ms
        if not news:
            return None
        situation = PlaceSituation(
            run=run,
            place=name,
            view=view,
            unseen=unseen,
            nations=self._beneath(places, name, "nation"),
            regions=self._beneath(places, name, "region"),
            time_ms=times_ms[0],
            known_ms=times_ms[1],
        )
        return self._announcer.announce(state, situation, news, may_wait=may_wait)

    def _beneath(self, places: RunPlaces, name: str, kind: PlaceKind) -> tuple[str, ...]:
        """Return the places of a kind beneath another one that are at ``prepare`` or above."""
        if places.states[name].kind not in ("nation", "alliance"):
            return ()
        return tuple(
            sorted(
                other
                for other, state in places.states.items()
                if state.kind == kind
                and other != name
                and self._is_beneath(other, name)
                and self._is_warned(places, other)
            )
        )

    def _is_warned(self, places: RunPlaces, name: str) -> bool:
        """Tell whether a place is at ``prepare`` or above."""
        return any(
            level_rank(holding.level) >= level_rank("prepare")
            for holdings in self._holdings(places, name)
            for holding in holdings.values()
        )


def _add(directions: list[int], new: Iterable[int]) -> None:
    """Add directions to those of a place, each once: a raid of hundreds comes from a few."""
    for direction in new:
        if direction not in directions:
            directions.append(direction)
