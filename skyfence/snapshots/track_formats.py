"""Older formats of the track agent's snapshots, each brought to the next.

Pure functions of plain data: they know what fields were called then, and nothing of today's code.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

Plain = dict[str, Any]

# What format 1 called the fields that format 2 calls otherwise.
_PASSAGE: Final = {"place": "point"}
_BELIEF: Final = {"fresh": "last_odds", "before": "previous_odds", "left": "has_left"}
_FORECAST: Final = {"forecast": "latest"}
_VIOLATION: Final = {
    "number": "event_count",
    "away": "seen_elsewhere",
    "marks": "minute_marks",
    "told_depth_m": "announced_depth_m",
    "told_speed_mps": "announced_speed_mps",
    "told_ms": "announced_ms",
}

# Where a track of format 2 has these.
_BELIEF_AT: Final = 17
_VIOLATION_AT: Final = 20


def read_format_1(data: bytes) -> Any:
    """Return what format 1 holds; raise ``ValueError`` where the bytes are not of it."""
    plain = msgspec.msgpack.decode(data)
    if not isinstance(plain, list) or len(plain) != 4 or plain[0] != 1:
        raise ValueError("not a snapshot of format 1")
    return plain


def from_1_to_2(plain: list[Any]) -> Plain:
    """Name what stood in places: the snapshot and its sources. Rename fields."""
    _, zones_version, areas, sources = plain
    return {
        "zones_version": zones_version,
        "areas": areas,
        "sources": [_source(source) for source in sources],
    }


def from_2_to_3(plain: Plain) -> Plain:
    """Tell private flights from what nobody was told of; all else that is new has its defaults.

    What is judged already had reports enough for anything.
    """
    for source in plain["sources"]:
        source |= {"births": [], "retired": {}, "ahead": None}
        for track in source["tracks"]:
            belief, violation = track[_BELIEF_AT], track[_VIOLATION_AT]
            if belief is not None:
                belief["measured_count"] = 2
            if violation is not None and violation["confidence"] == "fact":
                violation["confidence"], violation["private_flight"] = "possible", True
    return plain


def _source(source: list[Any]) -> Plain:
    run, key, watermark_ms, announced_watermark_ms, arrivals, tracks, waiting, reports = source
    return {
        "run": run,
        "key": key,
        "watermark_ms": watermark_ms,
        "announced_watermark_ms": announced_watermark_ms,
        "tracks": [_track(track) for track in tracks],
        "waiting": waiting,
        "arrivals": arrivals,
        "reports": reports,
    }


def _track(track: list[Any]) -> list[Any]:
    """Lay out what was judged in the track itself, in the order of its fields."""
    *before, entry, exit_, judged, violation = track
    belief, reference_fixes, forecast = judged or (None, None, None)
    return [
        *before,
        _renamed(entry, _PASSAGE),
        _renamed(exit_, _PASSAGE),
        _renamed(belief, _BELIEF),
        reference_fixes,
        _renamed(forecast, _FORECAST),
        _renamed(violation, _VIOLATION),
    ]


def _renamed(fields: Plain | None, names: Mapping[str, str]) -> Plain | None:
    """Return fields with the names of the next format; None where there are none."""
    if fields is None:
        return None
    return {names.get(name, name): value for name, value in fields.items()}
