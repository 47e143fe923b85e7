"""Messages about very many objects, tracks and places stay small, and say how many there are."""

from datetime import timedelta

from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import MOST_LISTED, PlaceAlert
from skyfence.contracts.short_alert import in_short
from skyfence.identity import derive
from skyfence.incidents.composing import compose
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.incident import EpisodeKey, Incident
from skyfence.incidents.repeated_violations import RepeatedViolations, ViolationCounter
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import ALLIANCE, Environment
from skyfence.texts.tables import MOST_NAMES

# A tenth of what Kafka takes by default.
_MOST_BYTES = 100_000
VOCABULARY = Vocabulary(ENGLISH.operators, {})


def raid(objects: int) -> PlaceAlert:
    """Return what the alliance hears last of many objects inside at once, of 200 sources."""
    decisions = AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA"})
    decisions.process(clock(T0))
    told: list[PlaceAlert] = []
    for number in range(objects):
        at = T0 + timedelta(seconds=number)
        place = {"lat": 40 + number % 100 * 0.2, "lon": 20 + number // 100 * 0.2}
        names = {"track_id": f"T{number}", "source": f"radar-{number % 200}"}
        event = track_event("entered", 1, at=at, opened=at, **names, **place)
        alerts = decisions.process(event)
        told += [alert for alert in alerts if isinstance(alert, PlaceAlert)]
    return [alert for alert in told if alert.place == ALLIANCE][-1]


def crowded_incident(tracks: int, event_tracks: str = "T") -> Incident:
    """Return an incident whose object was shown under many numbers, and may be one of many."""
    keys = [
        EpisodeKey(run="run", source=f"radar-{number}", track_id=event_tracks, opened=T0)
        for number in range(tracks)
    ]
    return Incident(
        incident_id=derive("test"),
        state="violation",
        confidence="confirmed",
        lead_key=keys[0],
        member_keys=tuple(keys),
        opened=T0,
        updated=T0,
        may_be=tuple(derive("test", number) for number in range(tracks)),
    )


def test_places_with_many_objects_list_some_and_count_all() -> None:
    """Of 250 objects a place's message lists 200 incidents; their number stands beside them."""
    alliance = raid(250)
    assert (alliance.objects, len(alliance.incidents)) == (250, MOST_LISTED)
    assert len(alliance.to_json()) < _MOST_BYTES


def test_an_object_of_many_tracks_lists_the_latest() -> None:
    """Of a thousand tracks that were joined, and a thousand lost ones that it may be, 200 each."""
    incident = crowded_incident(1_000)
    update = IncidentUpdate("updated", track_event("updated", 2), "violation")
    alert = compose(update, incident, "AA", Environment.EXERCISE, VOCABULARY)
    assert alert.tracks == tuple(f"radar-{number}/T" for number in range(800, 1_000))
    assert alert.may_be == incident.may_be[-MOST_LISTED:]
    assert "1000" in alert.description
    assert len(alert.to_json()) < _MOST_BYTES


def test_a_sentence_names_some_places_and_counts_the_others() -> None:
    """Of 432 regions 20 are named, "and 412 more"."""
    regions = [f"AA-{number}" for number in range(432)]
    line = VOCABULARY.join(regions)
    assert line.startswith("AA-0, AA-1, ")
    assert line.endswith(f"AA-{MOST_NAMES - 1} and 412 more")
    ahead = [{"place": region, "minutes_left": 3} for region in regions]
    update = IncidentUpdate("updated", track_event("updated", 2, ahead=ahead), "violation")
    alert = compose(update, crowded_incident(1), "AA", Environment.EXERCISE, VOCABULARY)
    assert "and 412 more" in alert.description


def test_the_news_of_repeated_violations_stays_small_however_many_there_are() -> None:
    """The message of the 1,100th violation within a day is no larger than that of the 1,050th."""
    counter = ViolationCounter(Environment.EXERCISE, VOCABULARY)
    situation, sizes = RepeatedViolations(), []
    for number in range(1_100):
        at = T0 + timedelta(seconds=number)
        event = track_event("entered", 1, at=at, opened=at, track_id=f"T{number:04}")
        situation, alerts = counter.add(situation, derive("test", number), event)
        sizes += [len(alert.to_json()) for alert in alerts]
    assert len(sizes) == 1_099
    assert sizes[-1] <= sizes[1_050] + 10 < _MOST_BYTES  # the step has no more digits


def test_a_short_message_tells_what_to_do() -> None:
    """What stands for a message that is too large keeps its step and CAP's words, in 10 kB."""
    update = IncidentUpdate("updated", track_event("updated", 2), "violation")
    alert = compose(update, crowded_incident(1_000), "AA", Environment.EXERCISE, VOCABULARY)
    large = alert.model_copy(update={"description": "x" * 2_000_000, "regions": ("AA-1",) * 50_000})
    short = in_short(large)
    assert len(short.to_json()) < 10_000
    kept = ("alert_id", "step", "message_type", "severity", "headline", "instruction", "place")
    assert [getattr(short, name) for name in kept] == [getattr(large, name) for name in kept]
