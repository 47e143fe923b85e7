"""The fields that each format of the checkpoints packs, written down: no format changes unnoticed.

Snapshots are written field by field from the classes as they stand, so that a field that is
renamed, added or taken away changes what the next worker reads. The fields stand here for each
format; docs/upgrades.md is the rule.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, NamedTuple, TypeGuard, get_args, get_origin, get_type_hints

import msgspec
import pytest
from pydantic import BaseModel

from skyfence.contracts.base import Contract
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.snapshots.codec import SnapshotForm
from skyfence.tracks import snapshot as track_snapshot

Fields = dict[str, str]

# Of each class that a snapshot is made of, by its name: its fields, in their order.
TRACK_FORMATS: Final[dict[int, Fields]] = {
    2: {
        "_Snapshot": "zones_version areas sources",
        "SourceTracks": (
            "run key watermark_ms announced_watermark_ms tracks waiting arrivals reports"
        ),
        "TrackState": (
            "track_id first_ms observation path_start inside entered_at depths flown_m "
            "live timers_run_ms crossing_count pending_outlier suppressed_by judged_ms "
            "crossed entry exit belief reference_fixes forecast violation"
        ),
        "Fix": "time_ms lat lon accuracy_m",
        "CrossingPoint": "time_ms lat lon",
        "Depth": "deepest_m bound_m",
        "Passage": "point before after",
        "Belief": "odds last_odds previous_odds time_ms has_left",
        "ReferenceFixes": "older newer",
        "ForecastState": "latest time_ms heads_for_since_ms heads_away_since_ms",
        "ViolationEpisode": (
            "opened_ms status confidence since_ms event_count was_threat seen_elsewhere "
            "nations regions ahead ahead_ms minutes_left minute_marks deepest_m "
            "announced_depth_m announced_speed_mps announced_ms"
        ),
        "Forecast": "border border_area regions",
        "ReferenceFix": "time_ms lat lon",
        "Arrival": "seconds share",
    },
    3: {
        "_Snapshot": "zones_version areas sources",
        "SourceTracks": (
            "run key watermark_ms announced_watermark_ms tracks waiting arrivals births "
            "ahead retired reports"
        ),
        "TrackState": (
            "track_id first_ms observation path_start inside entered_at depths flown_m live "
            "timers_run_ms crossing_count pending_outlier suppressed_by judged_ms crossed "
            "entry exit belief reference_fixes forecast violation identification flown_path "
            "border_m ground coasted scan_ms gap_ms counted_reports visits flight_due_ms "
            "shown_as strayed recent_fixes"
        ),
        "RecentFixes": "fixes",
        "RecentFix": "time_ms lat lon accuracy_m speed_mps course_deg",
        "VisitState": (
            "opened_ms number status sure lost since_ms forecast_ms heads_ms away_ms mark belief"
        ),
        "Belief": "odds last_odds previous_odds time_ms has_left measured_count",
        "FlownPath": "time_ms lat lon since_ms length_m east_m north_m circles",
        "Identification": (
            "named_ms last_named emergency last_emergency was_plausible was_low_and_slow "
            "plausible_balance"
        ),
        "ViolationEpisode": (
            "opened_ms status confidence since_ms event_count was_threat seen_elsewhere "
            "nations regions ahead ahead_ms minutes_left minute_marks deepest_m "
            "announced_depth_m announced_speed_mps announced_ms back_within_ms "
            "search_for_ms search_count been_ms announced_alarms private_flight"
        ),
        "ForecastState": (
            "latest time_ms heads_for_since_ms heads_away_since_ms course_deg steady_since_ms"
        ),
        "Forecast": "border border_area regions",
        "Arrival": "seconds share",
        "ReferenceFixes": "older newer",
        "ReferenceFix": "time_ms lat lon",
        "Passage": "point before after",
        "Fix": "time_ms lat lon accuracy_m",
        "CrossingPoint": "time_ms lat lon",
        "Depth": "deepest_m bound_m",
    },
}
INCIDENT_FORMATS: Final[dict[int, Fields]] = {
    2: {
        "IncidentState": "open runs closed stood_down progress",
        "Incident": (
            "incident_id alliance state confidence lead_key member_keys opened updated "
            "confirmed nations nations_left been_in regions ahead marks steps"
        ),
        "Run": "tracks decisions situation",
        "EpisodeKey": "run source track_id opened",
        "DecisionQueue": "clocks_ms ended waiting decided origins overtaken_ms",
        "RepeatedViolations": "number step told violations latest",
        "Ahead": "place minutes_left",
        "MemberTrack": "key state confidence last position incident_id",
        "TrackEvent": (
            "event_id kind confidence run source track_id opened number time last_seen "
            "lat lon nations regions ahead minutes_left other_side depth_m changes "
            "identified_as evidence first zones_version object"
        ),
        "PendingDecision": "time_ms rank track_order event_number track",
        "Origin": "partition published_ms",
        "Violation": "incident_id confirmed event",
        "ObjectInfo": (
            "altitude_m altitude_ref ground_speed_mps course_deg vertical_rate_mps "
            "accuracy_m callsign mode_3a icao_address category simulated"
        ),
        "Position": "seen speed_mps course_deg",
        "Evidence": "before after time lat lon probability probability_weighed",
        "PositionFix": "time lat lon accuracy_m",
    },
    3: {
        "IncidentState": "open runs closed stood_down progress",
        "EpisodeKey": "run source track_id opened",
        "Run": "tracks decisions situation places visits pairs apart flights",
        "Flight": "source name address sightings",
        "Sighting": "time_ms lat lon accuracy_m speed_mps course_deg altitude_m",
        "JoinedPair": "source other expected",
        "Expected": "east_m north_m ahead_s right_m known",
        "RunPlaces": "states touched next_fall_ms latest_ms unseen covered_ms",
        "PlaceState": (
            "kind holdings episode episode_id step level objects lost unseen "
            "since_ms told_ms highest most_objects mark directions new_directions waits "
            "count_due_ms attention most_vanished"
        ),
        "Attention": "saved_ms as_of_ms sounded_ms",
        "Holding": (
            "level asked below_ms in_reach reach_ms minutes_left lost over_ms counts_from_ms "
            "circling fallen fallen_ms fallen_after"
        ),
        "RepeatedViolations": "number step told count violations latest",
        "Violation": "incident_id confirmed event tracks earlier",
        "TrackEvent": (
            "event_id kind confidence run source track_id opened number time last_seen lat "
            "lon nations regions ahead minutes_left other_side depth_m changes "
            "identified_as crossed private_flight circling coasted emergency near_border "
            "within_reach shown_as evidence first earlier_fixes zones_version object"
        ),
        "ObjectInfo": (
            "altitude_m altitude_ref ground_speed_mps course_deg vertical_rate_mps "
            "accuracy_m callsign mode_3a icao_address category simulated"
        ),
        "EarlierFix": "time lat lon accuracy_m ground_speed_mps course_deg",
        "PositionFix": "time lat lon accuracy_m",
        "Evidence": "before after time lat lon probability probability_weighed",
        "Ahead": "place minutes_left",
        "DecisionQueue": "clocks_ms ended waiting decided origins overtaken_ms ended_ms begun_ms",
        "Origin": "partition published_ms",
        "MemberTrack": (
            "key state confidence last position trail incident_id silenced flight flight_ms "
            "silence_basis never_civil"
        ),
        "SilenceBasis": "nations categories emergency",
        "Position": "seen speed_mps course_deg",
        "PendingDecision": "time_ms rank track_order event_number track",
        "Incident": (
            "incident_id alliance state confidence lead_key member_keys opened updated "
            "confirmed nations nations_left been_in regions ahead marks steps private "
            "may_be held counts_from_ms"
        ),
    },
}


class Agent(NamedTuple):
    """An agent's snapshots: their form, what they are packed from, and the fields written down."""

    form: SnapshotForm
    root: Any
    formats: Mapping[int, Fields]
    upgrades: str  # the module of the functions that upgrade older formats


AGENTS: Final = (
    Agent(
        track_snapshot.FORM,
        track_snapshot._Snapshot,
        TRACK_FORMATS,
        "skyfence/snapshots/track_formats.py",
    ),
    Agent(
        incident_snapshot.FORM,
        incident_snapshot.IncidentState,
        INCIDENT_FORMATS,
        "skyfence/snapshots/incident_formats.py",
    ),
)


def types_of(packed: Any) -> dict[str, Any] | None:
    """Return the types of a class's fields, by name; None if it is no class with fields."""
    if not isinstance(packed, type) or get_origin(packed):
        return None
    if issubclass(packed, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(packed)}
    if issubclass(packed, BaseModel):
        return {name: field.annotation for name, field in packed.model_fields.items()}
    if is_dataclass(packed):
        hints = get_type_hints(packed)
        return {field.name: hints[field.name] for field in fields(packed)}
    return get_type_hints(packed) if hasattr(packed, "_fields") else None


def packed_classes(root: Any) -> dict[str, type]:
    """Return all classes with fields that a class is made of, itself too, by name."""
    classes: dict[str, type] = {}
    waiting = [root]
    while waiting:
        packed = waiting.pop()
        waiting += get_args(packed)
        types = types_of(packed)
        if types is not None and packed.__name__ not in classes:
            classes[packed.__name__] = packed
            waiting += types.values()
    return classes


def is_message(packed: type) -> TypeGuard[type[Contract]]:
    """Tell whether a class is a message's, which may get fields that may be left out."""
    return issubclass(packed, Contract) and packed.__module__.startswith("skyfence.contracts.")


def differences(written_down: Fields, classes: Mapping[str, type]) -> Iterator[str]:
    """Say what is packed otherwise than it is written down, a line for each class."""
    for name in sorted(written_down.keys() | classes.keys()):
        packed = classes.get(name)
        now = list(types_of(packed) or ()) if packed else []
        before = written_down.get(name, "").split()
        gone = [field for field in before if field not in now]
        new = [field for field in now if field not in before]
        if packed is not None and before and is_message(packed):
            new = [field for field in new if packed.model_fields[field].is_required()]
        in_places = isinstance(packed, msgspec.StructMeta) and packed.__struct_config__.array_like
        if gone or new:
            yield f"{name}: gone {gone}, new {new}"
        elif in_places and before != now:
            yield f"{name}: packed without names, in another order than {before}"


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.form.kind)
def test_a_format_keeps_its_fields(agent: Agent) -> None:
    """What an agent packs has the fields that are written down for the format that it writes."""
    form = agent.form
    assert form.format in agent.formats, f"write the fields of format {form.format} down here"
    changes = list(differences(agent.formats[form.format], packed_classes(agent.root)))
    assert not changes, (
        f"the {form.kind}'s snapshots of format {form.format} would hold other fields: "
        f"{'; '.join(changes)}. If a release has written format {form.format}: first put "
        f"its files into tests/formats (see the README there), add from_{form.format}_to_"
        f"{form.format + 1} to {agent.upgrades} and to FORM, write the fields of format "
        f"{form.format + 1} down here, and name it in CHANGELOG.md (docs/upgrades.md). "
        f"If none has: correct the list of format {form.format} here"
    )


class _Before(msgspec.Struct, array_like=True):
    time_ms: int
    lat: float


@pytest.mark.parametrize(
    ("written_down", "expected"),
    [
        ("time_ms lat", []),
        ("time_ms latitude", ["_Before: gone ['latitude'], new ['lat']"]),
        ("time_ms", ["_Before: gone [], new ['lat']"]),
        (
            "lat time_ms",
            ["_Before: packed without names, in another order than ['lat', 'time_ms']"],
        ),
    ],
)
def test_a_change_is_named(written_down: str, expected: list[str]) -> None:
    """A field that is renamed, added or, without names, in another place is said of its class."""
    assert list(differences({"_Before": written_down}, packed_classes(_Before))) == expected
