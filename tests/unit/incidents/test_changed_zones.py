"""Zones that change while something is open: every chain that had begun ends all the same."""

import pytest
from builders import airspace, beat, packed, seen, tracker, zone
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.frames.frame import Frame
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment
from skyfence.tracks import snapshot as track_snapshot
from skyfence.zones.zone_file import Zone

XX = zone("XX", (26.0, 56.0, 27.0, 57.0), nato=False)
REGION = {"kind": "region", "country": "AA"}
SOUTH, NORTH = (27.0, 56.0, 28.0, 56.5), (27.0, 56.5, 28.0, 57.0)
BEFORE = (
    XX,
    zone("AA", (27.0, 56.0, 28.0, 57.0)),
    zone("AA-1", SOUTH, **REGION),
    zone("AA-2", NORTH, **REGION),
)
AFTER: dict[str, tuple[Zone, ...]] = {
    "a region is renamed": (*BEFORE[:2], zone("AA-9", SOUTH, **REGION), BEFORE[3]),
    "a region is gone": (*BEFORE[:2], BEFORE[3]),
    "a region has moved": (*BEFORE[:2], zone("AA-1", NORTH, **REGION)),
    "all regions are gone": BEFORE[:2],
    "the nation is another": (
        XX,
        zone("CC", (27.0, 56.0, 28.0, 57.0)),
        zone("CC-1", SOUTH, kind="region", country="CC"),
    ),
    "the nation is no member": (XX, zone("AA", (27.0, 56.0, 28.0, 57.0), nato=False)),
    "the border has moved": (
        zone("XX", (26.0, 56.0, 27.8, 57.0), nato=False),
        zone("AA", (27.8, 56.0, 28.0, 57.0)),
        zone("AA-1", (27.8, 56.0, 28.0, 56.5), **REGION),
    ),
}


class World:
    """Both agents on some zones, and the last message of each chain."""

    def __init__(self, zones: Airspace) -> None:
        self.tracker = tracker(zones)
        self.decisions = AlertDecisions(
            Environment.EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA", "AA-2": "AA"}
        )
        self.last: dict[tuple[str, str], Alert | PlaceAlert] = {}

    def judge(self, *frames: Frame) -> None:
        """Judge frames, and note what follows."""
        for frame in frames:
            for event in self.tracker.process(frame).events:
                for alert in self.decisions.process(event):
                    self.last[str(alert.incident_id), alert.channel] = alert

    def on(self, zones: Airspace) -> "World":
        """Return what goes on from the checkpoints on other zones."""
        after = World(zones)
        track_snapshot.restore_snapshot(after.tracker, track_snapshot.take_snapshot(self.tracker))
        state = incident_snapshot.take_snapshot(self.decisions.state)
        after.decisions.state = incident_snapshot.restore_snapshot(state)
        after.last = dict(self.last)
        return after

    def open(self) -> list[str]:
        """Return the channels of chains that stand open."""
        return [a.channel for a in self.last.values() if a.message_type != "Cancel"]


@pytest.mark.parametrize("change", AFTER)
@pytest.mark.parametrize("leaves", [True, False])
def test_what_stood_on_the_old_zones_ends(change: str, leaves: bool) -> None:
    """Whether the object flies out again, or is lost and not found."""
    world = World(airspace(*BEFORE))
    world.judge(*(packed(seen(4.0 * n, 26.95 + 0.01 * n)) for n in range(15)))
    assert len(world.open()) >= 5
    world = world.on(airspace(*AFTER[change]))
    if leaves:
        world.judge(*(packed(seen(60 + 4.0 * n, 27.1 - 0.01 * n)) for n in range(60)))
    world.judge(*(beat(300 + 60 * n) for n in range(8 * 60)))
    assert world.open() == []
