"""What an alert says in words: short and exact, the same for the same event.

    headline      what stands first and alone: what, where, from where, how soon
    description   time, position, height, speed, course, how deep, how sure
    instruction   what the reader is to do

The words are a language's, from the catalogue; here is only which of its texts is said, and what
stands in their braces. The operators' working language is English.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from skyfence.contracts.alert import IncidentState, PlaceKind
from skyfence.contracts.crossing import ObjectInfo
from skyfence.contracts.track_event import OperatorClosed, OperatorEvent, TrackEvent
from skyfence.texts.tables import MOST_NAMES, OperatorTexts, UpdateKind
from skyfence.times import format_time

# Where an object is, seen from a place: in it, on its way there, in it before, on its way before.
Nearness = Literal["here", "ahead", "left", "averted"]

# News after which nothing of the incident is to come, save by another.
_ENDS: Final = ("receded", "identified", "cleared", "expired", "merged", "stood_down", "dismissed")


@dataclass(frozen=True)
class Vocabulary:
    """A language's texts for operators, and the names of zones and of the alliance."""

    texts: OperatorTexts
    names: Mapping[str, str]

    def name(self, place: str) -> str:
        """Return a place's name; one without keeps its identifier."""
        return self.names.get(place, place)

    def join(self, places: Sequence[str]) -> str:
        """Join the places' names as in a sentence: "Tulcea and Constanța"; "" for no place."""
        if len(places) > MOST_NAMES:
            return self.texts.words.listed([self.name(place) for place in places])
        *earlier, last = [self.name(place) for place in places] or [""]
        if not earlier:
            return last
        return self.texts.words.list_comma.join(earlier) + self.texts.words.list_and + last


@dataclass(frozen=True, kw_only=True)
class WordingContext:
    """One message to be put into words: the news, whom it is for, and in which words.

    ``minutes_left`` counts whole minutes until the object reaches the place.
    """

    news: UpdateKind
    event: TrackEvent
    place: str
    kind: PlaceKind
    nearness: Nearness
    minutes_left: int | None
    vocabulary: Vocabulary
    outside: bool = False  # it is only on its way, or was when it was lost
    operator: OperatorEvent | None = None
    may_be: int = 0  # of so many lost objects it may be one

    @property
    def texts(self) -> OperatorTexts:
        """Return the texts of the reader's language."""
        return self.vocabulary.texts


def headline(context: WordingContext) -> str:
    """Return the line that a duty officer reads first, without the mark of exercises."""
    return _capitalized(_for_place(context) or _by_news(context))


def description(context: WordingContext, radius_m: int | None, growth_mps: float | None) -> str:
    """Return the facts behind the headline, one sentence each.

    ``radius_m`` is how far from its last place a lost object can be, which grows by ``growth_mps``;
    both are None for any other.
    """
    event, texts = context.event, context.texts.description
    crossed = event.kind in ("entered", "exited")
    seen = texts.crossed if crossed else texts.last_seen
    seen_at = format_time(event.time if crossed else event.last_seen)
    sentences = [seen.format(time=seen_at, position=_position(event, context.texts))]
    sentences += _object(event.object, context.texts)
    if event.ahead and radius_m is None and context.news not in _ENDS:
        sentences.append(
            texts.ahead.format(regions=context.texts.words.listed([*_reached(context)]))
        )
    if event.depth_m:
        sentences.append(texts.depth.format(depth_km=f"{event.depth_m / 1000:.1f}"))
    if radius_m is not None and growth_mps is not None:
        radius_km, growth_km = f"{radius_m / 1000:.1f}", f"{growth_mps * 60 / 1000:.1f}"
        sentences.append(texts.search.format(radius_km=radius_km, growth_km=growth_km))
    if event.evidence is not None and event.confidence == "possible" and not context.outside:
        probability = f"{event.evidence.probability_weighed:.2f}"
        sentences.append(texts.probability.format(probability=probability))
    if context.may_be:
        sentences.append(texts.may_be.format(count=context.may_be))
    if (word := context.operator) is not None:
        line = texts.closed if isinstance(word, OperatorClosed) else texts.decided
        sentences.append(line.format(operator=word.by, reason=word.reason))
    sentences.append(
        texts.track.format(track=event.track_id, source=event.source, zones=event.zones_version)
    )
    return " ".join(sentences)


def instruction(context: WordingContext, state: IncidentState) -> str:
    """Return what the reader is to do about an incident in this state."""
    texts = context.texts.instruction
    if context.news == "merged":
        return texts.merged
    if state == "closed":
        return texts.stand_down
    if state == "exited" or context.nearness in ("left", "averted"):
        return texts.keep_watching
    if context.kind != "region":
        return texts.follow
    sure = context.event.confidence == "confirmed" and context.nearness == "here"
    return texts.warn if state in ("violation", "lost") and sure else texts.make_ready


def _capitalized(line: str) -> str:
    return line[:1].upper() + line[1:]


def _for_place(context: WordingContext) -> str | None:
    """Return the headline of a region that the object is not in; None where all read the same."""
    if context.kind == "alliance" or context.news in (*_ENDS, "exited", "lost"):
        return None
    if context.nearness == "here":
        return None
    texts = context.texts.place_headline
    lines = {"ahead": texts.ahead, "averted": texts.averted, "left": texts.left}
    return lines[context.nearness].format(
        thing=_thing(context),
        place=context.vocabulary.name(context.place),
        soon=_soon(context),
        whereabouts=_whereabouts(context),
    )


def _whereabouts(context: WordingContext) -> str:
    """Return where an object is now, for a reader in a place that it moved on from."""
    event, texts = context.event, context.texts.whereabouts
    nations, regions = _nations(context), context.vocabulary.join(event.regions)
    if context.outside:
        return texts.heading.format(nations=nations)
    possible = event.confidence == "possible"
    if regions and context.kind == "region":
        line = texts.maybe_over_regions if possible else texts.over_regions
        return line.format(regions=regions)
    line = texts.maybe_in_nations if possible else texts.in_nations
    return line.format(nations=nations)


def _by_news(context: WordingContext) -> str:
    event, texts, news = context.event, context.texts, context.news
    special = texts.headline_possible if event.confidence == "possible" else {}
    line = (texts.headline_outside if context.outside else special).get(news, texts.headline[news])
    parts = texts.headline_parts
    regions = context.vocabulary.join(event.regions)
    neighbours = context.vocabulary.join(event.other_side)
    return line.format(
        thing=_thing(context),
        nations=_nations(context),
        over=parts.over.format(regions=regions) if regions else "",
        last_seen=parts.last_seen.format(regions=regions) if regions else "",
        origin=parts.origin.format(neighbours=neighbours) if neighbours else "",
        towards=parts.towards.format(neighbours=neighbours) if neighbours else "",
        soon=_soon(context),
        change=_change(context),
        rule=event.identified_as or texts.words.the_policy,
        operator=context.operator.by if context.operator else texts.words.an_operator,
    )


def _change(context: WordingContext) -> str:
    """Return why an update was sent, where that is more than another place."""
    event, parts = context.event, context.texts.headline_parts
    if "emergency" in event.changes:
        return parts.emergency
    if context.outside:
        return ""
    if "ahead" in event.changes and context.kind == "nation":
        ahead = context.vocabulary.join([region.place for region in event.ahead])
        return parts.heading.format(regions=ahead or context.texts.words.no_region)
    if "deeper" in event.changes:
        return parts.deeper.format(depth_km=f"{event.depth_m / 1000:.0f}")
    speed_mps = event.object.ground_speed_mps
    if "faster" in event.changes and speed_mps:
        return parts.faster.format(speed_mps=f"{speed_mps:.0f}")
    return ""


def _thing(context: WordingContext) -> str:
    return context.texts.objects[context.event.object.category]


def _nations(context: WordingContext) -> str:
    return context.vocabulary.join(context.event.nations) or context.texts.words.protected_airspace


def _position(event: TrackEvent, texts: OperatorTexts) -> str:
    """Return a position in degrees with four decimals: 11 m."""
    lat = texts.position.north if event.lat >= 0 else texts.position.south
    lon = texts.position.east if event.lon >= 0 else texts.position.west
    return (
        f"{lat.format(degrees=f'{abs(event.lat):.4f}')} "
        f"{lon.format(degrees=f'{abs(event.lon):.4f}')}"
    )


def _object(info: ObjectInfo, texts: OperatorTexts) -> list[str]:
    """Return what is known of an object, as one sentence or none."""
    facts = texts.words.list_comma.join(_object_facts(info, texts))
    return [texts.object.sentence.format(facts=_capitalized(facts))] if facts else []


def _object_facts(info: ObjectInfo, texts: OperatorTexts) -> Iterator[str]:
    words = texts.object
    if info.altitude_m is not None:
        line = words.altitude_above if info.altitude_ref else words.altitude
        yield line.format(altitude_m=f"{info.altitude_m:.0f}", reference=info.altitude_ref)
    if info.ground_speed_mps is not None:
        yield words.speed.format(speed_mps=f"{info.ground_speed_mps:.0f}")
    if info.course_deg is not None:
        yield words.course.format(course_deg=f"{info.course_deg:.0f}")
    if info.callsign:
        yield words.callsign.format(value=info.callsign)
    if info.mode_3a:
        yield words.mode_3a.format(value=info.mode_3a)
    if info.icao_address:
        yield words.icao_address.format(value=info.icao_address)


def _reached(context: WordingContext) -> Iterator[str]:
    """Yield the regions ahead, each with the minutes left."""
    for region in context.event.ahead:
        yield context.texts.description.ahead_region.format(
            region=context.vocabulary.name(region.place),
            minutes=_minutes(region.minutes_left, context.texts),
        )


def _soon(context: WordingContext) -> str:
    if context.minutes_left is None:
        return ""
    minutes = _minutes(context.minutes_left, context.texts)
    return context.texts.headline_parts.soon.format(minutes=minutes)


def _minutes(minutes: int, texts: OperatorTexts) -> str:
    """Return whole minutes left: "in less than a minute", "in about 4 minutes"."""
    if minutes == 0:
        return texts.minutes.under_one
    return texts.minutes.one if minutes == 1 else texts.minutes.other.format(minutes=minutes)
