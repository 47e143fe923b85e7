"""Older formats of the incident agent's snapshots, each brought to the next.

Pure functions of plain data: they know what fields were called then, and nothing of today's code.
"""

import json
from typing import Any

from skyfence.times import parse_time, to_ms

Plain = dict[str, Any]


def read_format_1(data: bytes) -> Any:
    """Return what format 1 holds; raise ``ValueError`` where the bytes are not of it."""
    plain = json.loads(data)
    if not isinstance(plain, dict) or plain.get("format") != 1:
        raise ValueError("not a snapshot of format 1")
    return plain


def from_1_to_2(plain: Plain) -> Plain:
    """Put by their keys what stood in lists; contracts are written as JSON of their own."""
    return {
        "open": {incident["incident_id"]: _json(incident) for incident in plain["open"]},
        "runs": {run["name"]: _run(run) for run in plain["runs"]},
        "closed": {
            _json(episode["key"]): [episode["number"], episode.get("incident_id")]
            for episode in plain["closed"]
        },
        "stood_down": dict.fromkeys(plain.get("stood_down", ())),
        "progress": _numbered(plain.get("progress", {})),
    }


def from_2_to_3(plain: Plain) -> Plain:
    """Leave all as it is: what format 3 has besides begins empty."""
    return plain


def _run(run: Plain) -> Plain:
    decisions = {
        "clocks_ms": run["clocks"],
        "ended": run["ended"],
        "waiting": [_decision(waiting) for waiting in run["waiting"]],
        "decided": {_json(track["key"]): _json(track) for track in run["settled"]},
        "origins": {
            source: {"partition": partition, "published_ms": published_ms}
            for source, (partition, published_ms) in run.get("origins", {}).items()
        },
        "overtaken_ms": run.get("overtaken", {}),
    }
    return {
        "tracks": {_json(track["key"]): _json(track) for track in run["strands"]},
        "decisions": decisions,
        "situation": _json(run["situation"]),
    }


def _decision(waiting: Plain) -> Plain:
    track = waiting["strand"]
    return {
        "time_ms": waiting["time_ms"],
        "rank": waiting["rank"],
        "track_order": _order(track["key"]),
        "event_number": track["last"]["number"],
        "track": _json(track),
    }


def _order(key: Plain) -> list[Any]:
    """Return what an episode's track is sorted by."""
    return [key["source"], key["track_id"], to_ms(parse_time(key["opened"]))]


def _numbered(values: Plain) -> dict[int, Any]:
    """Return values by numbers, which JSON has as text."""
    return {int(number): value for number, value in values.items()}


def _json(contract: Plain) -> bytes:
    """Return a contract as it is written in format 2."""
    return json.dumps(contract, separators=(",", ":"), ensure_ascii=False).encode()
