"""What an alert says in words: short, exact English, the same for the same event.

    headline      one line that stands alone: what, where, from where
    description   time, position, height, speed, course, how deep
    instruction   what the reader is to do

Other languages come with the texts for phones; the operators' working language is English.
"""

from collections.abc import Mapping, Sequence

from skyfence.alert import PlaceKind
from skyfence.channels import Environment
from skyfence.crossing import Known
from skyfence.times import format_time
from skyfence.track_event import TrackEvent

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


def headline(
    event: TrackEvent, place: str, names: Names, environment: Environment, *, left: bool
) -> str:
    """Return the line that a duty officer reads first; ``left`` if the object left this place."""
    thing = _OBJECTS[event.object.category]
    nations = _list(event.nations, names) or "protected airspace"
    regions = _list(event.regions, names)
    over = f" over {regions}" if regions else ""
    beyond = _list(event.other_side, names)
    line = {
        "entered": f"{thing} entered {nations}" + (f" from {beyond}" if beyond else "") + over,
        "moved": f"{thing} is now in {nations}{over}",
        "exited": f"{thing} left {nations}" + (f" towards {beyond}" if beyond else ""),
        "cleared": f"all clear: {thing} left {nations} and has not come back",
        "lost": f"{thing} in {nations} is lost" + (f", last seen{over}" if over else ""),
        "reacquired": f"{thing} that was lost in {nations} is seen again{over}",
        "expired": f"alert ended: {thing} lost in {nations} has not been seen for hours",
    }[event.kind]
    if left and event.kind == "moved":
        line = f"{thing} moved on from {names.get(place, place)}, is now in {nations}{over}"
    line = line[0].upper() + line[1:]
    return f"EXERCISE: {line}" if environment is Environment.EXERCISE else line


def description(event: TrackEvent) -> str:
    """Return the facts behind the headline, one sentence each."""
    lat = f"{abs(event.lat):.4f} {'N' if event.lat >= 0 else 'S'}"
    lon = f"{abs(event.lon):.4f} {'E' if event.lon >= 0 else 'W'}"
    crossed = event.kind in ("entered", "exited")
    seen_at = event.time if crossed else event.last_seen
    what = "Crossed the border" if crossed else "Last seen"
    sentences = [f"{what} at {format_time(seen_at)} at {lat} {lon}.", *_object(event.object)]
    if event.depth_m:
        sentences.append(f"Greatest depth so far {event.depth_m / 1000:.1f} km.")
    sentences.append(f"Track {event.track_id} of {event.source}, zones {event.zones_version}.")
    return " ".join(sentences)


def instruction(event: TrackEvent, kind: PlaceKind, *, left: bool) -> str:
    """Return what the reader is to do."""
    if event.kind in ("cleared", "expired"):
        return "Stand down."
    if event.kind == "exited" or left:
        return "Keep watching: it may come back. An all-clear will follow."
    if kind == "region":
        return "Warn people to take shelter and to keep away from debris. Report sightings to 112."
    return "Follow the incident; inform the services responsible. Updates will follow."


def _object(known: Known) -> list[str]:
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


def _list(places: Sequence[str], names: Names) -> str:
    """Join the places' names: "Tulcea and Constanța"."""
    words = [names.get(place, place) for place in places]
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
