"""Which of several: tracks of two sources are assigned to one another one to one.

    tracks of a ──┐                      expected offset: what joined pairs have, else the one that
                  ├─▶ pairs that fit ──▶ most pairs agree on ──▶ each track's nearest to that
    tracks of b ──┘

A track is assigned to another only if each is the other's nearest, so that of two drones that two
radars see, both 600 m off, none is taken for the other. Does not change incidents (``joining``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot, inf
from typing import Final

from skyfence.incidents import association
from skyfence.incidents.incident import EpisodeKey, MemberTrack
from skyfence.incidents.offsets import Expected, Offset, middle_of, offset_of
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import to_ms

# So many joined pairs say how far two sources are apart; fewer may be wrong.
_PAIRS_KNOWN: Final = 3
_PAIRS_KEPT: Final = 9
# So many pairs must agree on an offset before it is expected of others: one says nothing.
_PAIRS_AGREE: Final = 2
# Of a swarm, so many of the nearest tracks of each source are weighed against one another.
_WEIGHED: Final = 8
# Offsets of one bias agree within their error and this, metres: it differs with the place.
_AGREE_M: Final = 100.0
# Comparisons of pairs are remembered, as long as no new report came; forgotten beyond so many.
_REMEMBERED: Final = 20_000

MayJoin = Callable[[MemberTrack, MemberTrack], bool]


@dataclass(frozen=True)
class JoinedPair:
    """How ``other`` was off ``source`` in a pair that was joined."""

    source: str
    other: str
    expected: Expected


@dataclass
class Assignment:
    """The comparisons of one manager. It forgets them without harm: they follow from the tracks."""

    _offsets: dict[tuple[EpisodeKey, EpisodeKey], tuple[tuple[int, int], Offset | None]] = field(
        default_factory=dict
    )

    def partner_of(
        self,
        track: MemberTrack,
        near: Sequence[MemberTrack],
        pairs: Sequence[JoinedPair],
        may_join: MayJoin,
    ) -> MemberTrack | None:
        """Return the track of another source that is the same object, or None.

        ``near`` are those that are seen near it (``association.is_near``), in a fixed order;
        ``may_join`` tells which two incidents may become one.
        """
        sources = sorted({other.key.source for other in near} - {track.key.source})
        candidates = [
            (cost, other.key.order, other)
            for source in sources
            for cost, other in self._nearest(track, near, source, pairs, may_join)
        ]
        return min(candidates)[2] if candidates else None

    def offset(self, track: MemberTrack, other: MemberTrack) -> Offset | None:
        """Return where ``other`` is, seen from ``track``."""
        numbers = (track.last.number, other.last.number)
        known = self._offsets.get((track.key, other.key))
        if known is not None and known[0] == numbers:
            return known[1]
        offset = offset_of(track.trail, other.trail)
        if len(self._offsets) > _REMEMBERED:
            self._offsets.clear()
        self._offsets[track.key, other.key] = (numbers, offset)
        return offset

    def _nearest(
        self,
        track: MemberTrack,
        near: Sequence[MemberTrack],
        source: str,
        pairs: Sequence[JoinedPair],
        may_join: MayJoin,
    ) -> Iterable[tuple[float, MemberTrack]]:
        """Yield the track of a source that is assigned to a track, with how far it is off."""
        theirs = _closest(track, [other for other in near if other.key.source == source])
        own = [other for other in near if other.key.source == track.key.source]
        mine = [track, *_closest(track, [other for other in own if other.key != track.key])]
        if not any(may_join(track, other) for other in theirs):
            return
        expected = self._expected(mine, theirs, pairs)
        crowded = frozenset[EpisodeKey]()
        if expected is None or not expected.known:
            crowded = _crowded(mine, theirs)
            may_join = self._where_clear(crowded, expected, may_join)
        best = self._best(track, theirs, expected, may_join)
        if best is None:
            return
        cost, other = best
        for rival in mine[1:]:
            theirs_best = self._best(rival, theirs, expected, may_join)
            if theirs_best and theirs_best[1].key == other.key and theirs_best[0] < cost:
                return
        if not {track.key, other.key} & crowded or _are_known_for_long(track, other):
            yield cost, other

    def _where_clear(
        self,
        crowded: frozenset[EpisodeKey],
        expected: Expected | None,
        may_join: MayJoin,
    ) -> MayJoin:
        """Return a ``may_join`` that asks several reports of tracks that fly in a crowd."""

        def may(track: MemberTrack, other: MemberTrack) -> bool:
            if {track.key, other.key} & crowded:
                cost = self._cost(track, other, expected, at_once=False)
                return cost is not None and may_join(track, other)
            return may_join(track, other)

        return may

    def _best(
        self,
        track: MemberTrack,
        others: Iterable[MemberTrack],
        expected: Expected | None,
        may_join: MayJoin,
    ) -> tuple[float, MemberTrack] | None:
        """Return the other track that lies nearest to where it is expected, and how far off."""
        costs = [
            (cost, other.key.order, other)
            for other in others
            if may_join(track, other) and (cost := self._cost(track, other, expected)) is not None
        ]
        return (min(costs)[0], min(costs)[2]) if costs else None

    def _cost(
        self,
        track: MemberTrack,
        other: MemberTrack,
        expected: Expected | None,
        *,
        at_once: bool = True,
    ) -> float | None:
        shares = association.shares_address(track, other)
        if shares is False:
            return None
        if shares and association.is_one_address_near(track, other):
            return 0
        offset = self.offset(track, other)
        if offset is None or track.position is None or other.position is None:
            return None
        return association.fits(track.position, other.position, offset, expected, at_once=at_once)

    def _expected(
        self,
        mine: Sequence[MemberTrack],
        theirs: Sequence[MemberTrack],
        pairs: Sequence[JoinedPair],
    ) -> Expected | None:
        """Return where a source's tracks are expected, seen from another's; None if unknown."""
        names = {mine[0].key.source, theirs[0].key.source}
        known = [_seen_from(pair, mine[0].key.source) for pair in pairs if _names(pair) == names]
        if len(known) >= _PAIRS_KNOWN:
            return middle_of(known)
        fitting = [
            (row, offset)
            for row, track in enumerate(mine)
            for their in theirs
            if self._cost(track, their, None) is not None
            and (offset := self.offset(track, their)) is not None
        ]
        votes = [
            (-_agreeing(fitting, offset), round(hypot(offset.east_m, offset.north_m)), number)
            for number, (_, offset) in enumerate(fitting)
        ]
        if not votes or min(votes)[0] > -_PAIRS_AGREE:
            return None
        return Expected.of(fitting[min(votes)[2]][1])


def _closest(track: MemberTrack, others: Sequence[MemberTrack]) -> list[MemberTrack]:
    """Return the nearest of other tracks, in a fixed order. Precondition: all have positions."""
    here = track.position
    assert here is not None  # noqa: S101 - only what is near, which has a position, is asked
    apart = sorted(
        (association.metres_apart(here, other.position), other.key.order, other)
        for other in others
        if other.position is not None
    )
    return [other for *_, other in apart[:_WEIGHED]]


def _crowded(mine: Sequence[MemberTrack], theirs: Sequence[MemberTrack]) -> frozenset[EpisodeKey]:
    """Return the tracks of two sources that fly near another one of their own source."""
    return frozenset(
        track.key
        for group in (mine, theirs)
        for track in group
        for other in group
        if track.key != other.key and _apart_m(track, other) <= association.CROWDED_M
    )


def _are_known_for_long(track: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two tracks had their first events so long ago that others' have come, too."""
    opened_ms = max(to_ms(track.key.opened), to_ms(other.key.opened))
    return to_ms(track.last.last_seen) - opened_ms >= association.SPAN_S * SECOND_MS


def _apart_m(track: MemberTrack, other: MemberTrack) -> float:
    if track.position is None or other.position is None:
        return inf
    return association.metres_apart(track.position, other.position)


def _names(pair: JoinedPair) -> set[str]:
    return {pair.source, pair.other}


def _seen_from(pair: JoinedPair, source: str) -> Expected:
    """Return a joined pair's offset as it is seen from one of its sources."""
    return pair.expected if pair.source == source else pair.expected.turned()


def _agreeing(fitting: Sequence[tuple[int, Offset]], winner: Offset) -> int:
    """Return how many tracks of the one source have a partner at about an offset."""
    expected = Expected.of(winner)
    rows = {
        row
        for row, offset in fitting
        if expected.residual_m(offset) <= _AGREE_M + 3 * hypot(offset.sigma_m, winner.sigma_m)
    }
    return len(rows)


def pairs_after(
    pairs: Sequence[JoinedPair], track: MemberTrack, other: MemberTrack, offset: Offset
) -> list[JoinedPair]:
    """Return what is known of sources' offsets after two tracks were joined."""
    pair = JoinedPair(track.key.source, other.key.source, Expected.of(offset))
    same = [number for number, known in enumerate(pairs) if _names(known) == _names(pair)]
    dropped = same[: max(0, len(same) + 1 - _PAIRS_KEPT)]
    return [*(known for number, known in enumerate(pairs) if number not in dropped), pair]
