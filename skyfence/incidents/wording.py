"""What an alert says in words: short, exact English, the same for the same event.

    headline      one line that stands alone: what, where, from where, how soon
    description   time, position, height, speed, course, how deep, how sure
    instruction   what the reader is to do

Other languages come with the texts for phones; the operators' working language is English.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from skyfence.contracts.alert import IncidentState, PlaceKind
from skyfence.contracts.crossing import ObjectInfo
from skyfence.contracts.track_event import OperatorClosed, TrackEvent, TrackEventKind
from skyfence.times import format_time

# What there is to tell: a track's own event, or what was found out by joining tracks.
UpdateKind = TrackEventKind | Literal["joined", "continued", "merged", "stood_down"]
_OBJECTS = {
    "unknown": "an unidentified object",
    "uav": "a drone",
    "aircraft": "an aircraft",
    "helicopter": "a helicopter",
    "glider": "a glider",
    "missile": "a missile",
    "balloon": "a balloon",
}
Names = Mapping[str, str]
# Where an object is, seen from a place: in it, on its way there, in it before, on its way before.
Nearness = Literal["here", "ahead", "left", "averted"]


_LINES: Mapping[UpdateKind, str] = {
    "threatened": "{thing} is heading for {nations}{soon}",
    "receded": "all clear: {thing} no longer heads for {nations}",
    "identified": "all clear: {thing} was identified ({rule})",
    "entered": "{thing} entered {nations}{origin}{over}",
    "appeared": "{thing} appeared in {nations}{over}; where it came from is not known",
    "confirmed": "{thing} is confirmed in {nations}{over}",
    "updated": "{thing} is now in {nations}{over}{more}",
    "sighted": "{thing} is in {nations}{over}",
    "exited": "{thing} left {nations}{towards}",
    "cleared": "all clear: {thing} left {nations} and has not come back",
    "lost": "{thing} in {nations} is lost{last}",
    "reacquired": "{thing} that was lost in {nations} is seen again{over}",
    "expired": "alert ended: {thing} lost in {nations} has not been seen for hours",
    "stood_down": "alert ended by {by}: {thing} lost in {nations}",
    "joined": "{thing} in {nations} is seen by more than one sensor",
    "continued": "{thing} in {nations} is still seen{over}, by another track",
    "merged": "{thing} in {nations} is followed in another incident, which goes on",
}
# What is only on its way, or was when it was lost.
_OUTSIDE: Mapping[UpdateKind, str] = {
    "updated": "{thing} is heading for {nations}{soon}",
    "sighted": "{thing} is heading for {nations}{soon}",
    "lost": "{thing} heading for {nations} is lost",
    "reacquired": "{thing} that was lost is seen again, heading for {nations}{soon}",
    "expired": "alert ended: {thing} that was heading for {nations} has not come",
    "stood_down": "alert ended by {by}: {thing} that was heading for {nations} is lost",
    "joined": "{thing} heading for {nations} is seen by more than one sensor",
    "continued": "{thing} is still heading for {nations}{soon}, as another track shows",
    "merged": "{thing} heading for {nations} is followed in another incident, which goes on",
}
# What is only possibly inside.
_DOUBTFUL: Mapping[UpdateKind, str] = {
    "entered": "{thing} may have entered {nations}{origin}{over}",
    "updated": "{thing} may now be in {nations}{over}{more}",
    "exited": "{thing} that may have entered {nations} is outside again",
    "cleared": "all clear: {thing} that may have entered {nations} has not come back",
    "lost": "{thing} that may have entered {nations} is lost{last}",
    "expired": "alert ended: {thing} that may have entered {nations} was not seen for hours",
    "continued": "{thing} that may have entered {nations} is still seen{over}, by another track",
}


@dataclass(frozen=True)
class WordingContext:
    """One message to be put into words: the news, and whom it is for."""

    news: UpdateKind
    event: TrackEvent
    place: str
    kind: PlaceKind
    nearness: Nearness
    minutes_left: int | None
    names: Names
    outside: bool = False  # it is only on its way, or was when it was lost
    closed: OperatorClosed | None = None


def headline(saying: WordingContext) -> str:
    """Return the line that a duty officer reads first."""
    line = _for_place(saying) or _by_news(saying)
    return line[0].upper() + line[1:]


def description(saying: WordingContext, radius_m: int | None, growth_mps: float | None) -> str:
    """Return the facts behind the headline, one sentence each."""
    event = saying.event
    crossed = event.kind in ("entered", "exited")
    seen_at = event.time if crossed else event.last_seen
    what = "Crossed the border" if crossed else "Last seen"
    sentences = [f"{what} at {format_time(seen_at)} at {_position(event)}."]
    sentences += _object(event.object)
    if event.ahead and radius_m is None and saying.news not in _ENDS:
        reached = (
            f"{_name(one.place, saying)} {_minutes(one.minutes_left)}" for one in event.ahead
        )
        sentences.append(f"Ahead: {', '.join(reached)}.")
    if event.depth_m:
        sentences.append(f"Greatest depth so far {event.depth_m / 1000:.1f} km.")
    if radius_m is not None and growth_mps is not None:
        km, km_a_minute = radius_m / 1000, growth_mps * 60 / 1000
        sentences.append(f"Search within {km:.1f} km of there, {km_a_minute:.1f} km more a minute.")
    doubtful = event.confidence == "possible" and not saying.outside
    if event.evidence is not None and doubtful:
        sentences.append(f"Inside with probability {event.evidence.probability_weighed:.2f}.")
    if saying.closed is not None:
        sentences.append(f"Closed by {saying.closed.by}: {saying.closed.reason}.")
    sentences.append(f"Track {event.track_id} of {event.source}, zones {event.zones_version}.")
    return " ".join(sentences)


def instruction(saying: WordingContext, state: IncidentState) -> str:
    """Return what the reader is to do."""
    if saying.news == "merged":
        return "Follow the incident that goes on: it is the same object."
    if state == "closed":
        return "Stand down."
    if state == "exited" or saying.nearness in ("left", "averted"):
        return "Keep watching: it may come back. An all-clear will follow."
    if saying.kind != "region":
        return "Follow the incident; inform the services responsible. Updates will follow."
    sure = saying.event.confidence == "confirmed" and saying.nearness == "here"
    if state in ("violation", "lost") and sure:
        return "Warn people to take shelter and to keep away from debris. Report sightings to 112."
    return "Make ready to warn people and to have them take shelter. Updates will follow."


def situation_headline(count: int, nations: Sequence[str], *, over: bool) -> str:
    """Return the line that tells the alliance of repeated violations, or that they are over."""
    where = f" ({_join(nations)})" if nations else ""
    if over:
        return f"All clear: no further airspace violation for 24 hours{where}"
    return f"{count} airspace violations within 24 hours{where}"


def _for_place(saying: WordingContext) -> str | None:
    """Return what a region hears that the object is not in, where that differs."""
    thing = _thing(saying.event)
    here = _name(saying.place, saying)
    if saying.kind == "alliance" or saying.news in _ENDS or saying.news in ("exited", "lost"):
        return None
    if saying.nearness == "ahead":
        return f"{thing} is heading for {here}{_in_minutes(saying.minutes_left)}"
    if saying.nearness == "averted":
        return f"{thing} no longer heads for {here}"
    if saying.nearness == "left":
        return f"{thing} moved on from {here} and {_whereabouts(saying)}"
    return None


_ENDS = ("receded", "identified", "cleared", "expired", "merged", "stood_down")


def _whereabouts(saying: WordingContext) -> str:
    """Return where an object is now, for a reader in a place that it moved on from."""
    event = saying.event
    nations = _list(event.nations, saying.names) or "protected airspace"
    if saying.outside:
        return f"is heading for {nations}"
    regions = _list(event.regions, saying.names)
    where = f"over {regions}" if regions and saying.kind == "region" else f"in {nations}"
    return f"may now be {where}" if event.confidence == "possible" else f"is now {where}"


def _by_news(saying: WordingContext) -> str:
    event = saying.event
    special = _DOUBTFUL if event.confidence == "possible" else {}
    line = (_OUTSIDE if saying.outside else special).get(saying.news, _LINES[saying.news])
    regions = _list(event.regions, saying.names)
    beyond = _list(event.other_side, saying.names)
    return line.format(
        thing=_thing(event),
        nations=_list(event.nations, saying.names) or "protected airspace",
        over=f" over {regions}" if regions else "",
        last=f", last seen over {regions}" if regions else "",
        origin=f" from {beyond}" if beyond else "",
        towards=f" towards {beyond}" if beyond else "",
        soon=_in_minutes(saying.minutes_left),
        more=_news_of(saying),
        rule=event.identified_as or "by the policy",
        by=saying.closed.by if saying.closed else "an operator",
    )


def _news_of(saying: WordingContext) -> str:
    event = saying.event
    if "ahead" in event.changes and saying.kind == "nation":
        ahead = _list([one.place for one in event.ahead], saying.names)
        return f", heading for {ahead or 'no other region'}"
    if "deeper" in event.changes:
        return f", {event.depth_m / 1000:.0f} km deep"
    speed = event.object.ground_speed_mps
    return f", faster: {speed:.0f} m/s" if "faster" in event.changes and speed else ""


def _thing(event: TrackEvent) -> str:
    return _OBJECTS[event.object.category]


def _position(event: TrackEvent) -> str:
    lat = f"{abs(event.lat):.4f} {'N' if event.lat >= 0 else 'S'}"
    lon = f"{abs(event.lon):.4f} {'E' if event.lon >= 0 else 'W'}"
    return f"{lat} {lon}"


def _object(known: ObjectInfo) -> list[str]:
    facts: list[str] = []
    if known.altitude_m is not None:
        reference = f" {known.altitude_ref}" if known.altitude_ref else ""
        facts.append(f"altitude {known.altitude_m:.0f} m{reference}")
    if known.ground_speed_mps is not None:
        facts.append(f"speed {known.ground_speed_mps:.0f} m/s")
    if known.course_deg is not None:
        facts.append(f"course {known.course_deg:.0f} degrees")
    for name in ("callsign", "mode_3a", "icao_address"):
        if value := getattr(known, name):
            facts.append(f"{name.replace('_', ' ')} {value}")
    if not facts:
        return []
    line = ", ".join(facts)
    return [line[0].upper() + line[1:] + "."]


def _in_minutes(minutes: int | None) -> str:
    return "" if minutes is None else f", {_minutes(minutes)}"


def _minutes(minutes: int) -> str:
    """Return whole minutes left: "in less than a minute", "in about 4 minutes"."""
    if minutes == 0:
        return "in less than a minute"
    return f"in about {minutes} minute" + ("" if minutes == 1 else "s")


def _name(place: str, saying: WordingContext) -> str:
    return saying.names.get(place, place)


def _list(places: Sequence[str], names: Names) -> str:
    """Join the places' names: "Tulcea and Constanța"."""
    return _join([names.get(place, place) for place in places])


def _join(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
