"""What a duty officer expects of each recording, as a table.

A row is one expectation of one recording; its name is ``recording/word``. What skyfence does not
reach yet stands in ``not_yet.py``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scenarios.checks import (
    MOST_SOUNDS,
    Check,
    all_lines_read,
    counted,
    each_track,
    incidents,
    messages_at_most,
    never_says,
    nobody_woken,
    says,
    silence,
    sounds_at_most,
    told_from_report,
)
from scenarios.judged import ScenarioResult
from scenarios.place_checks import (
    ends_warned,
    episodes_at_most,
    most_objects,
    nations_warned_only,
    no_clear_before,
    no_false_clear,
    no_shelter,
    nobody_warned_beyond,
    one_clear_an_episode,
    people_warned,
    region_and_nation_together,
    rises_at_most,
    shelter_at,
    shelter_holds,
    shelter_spells_at_most,
    shelter_where_seen,
    warned_before,
    warned_for_at_most,
    warned_within,
)
from scenarios.truth import true_objects

from skyfence.naming import ALLIANCE

# Large recordings are judged in part, every so many tracks: the whole ones take a minute.
EVERY: Final = {"birds_200": 8, "inland_ga_unknown": 5, "swarm50": 4}


@dataclass(frozen=True)
class Expectation:
    """One thing expected of one recording."""

    recording: str
    word: str
    check: Check

    @property
    def name(self) -> str:
        """Return what the expectation is called."""
        return f"{self.recording}/{self.word}"


def _end(result: ScenarioResult) -> int:
    return result.presence.end_ms


def _second_drone_over(result: ScenarioResult) -> int:
    return max(each.end_ms for each in true_objects(result.name))


# What holds of every drone, missile or balloon that comes over a border.
def _common(*harmless: str) -> dict[str, Check]:
    return {
        "sounds": sounds_at_most(MOST_SOUNDS),
        "no false all-clear": no_false_clear(*harmless),
        "shelter where seen": shelter_where_seen(*harmless),
        "one clear an episode": one_clear_an_episode(),
    }


def _one_drone(region: str = "LV-047") -> dict[str, Check]:
    return {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "warned before": warned_before(region, 60.0),
        "shelter holds": shelter_holds(region),
    }


# One warning, and the all-clear after it; a track of another sensor is told apart for seconds.
_SHORT_WARNING: Final[dict[str, Check]] = {
    "few messages": messages_at_most(6),
    "no shelter": no_shelter(),
    "short": warned_for_at_most(180.0),
    "counted as none": counted(0),
}

# Three drones, one after the other is lost, that a radar gives the same number.
_THREE_IN_TURN: Final[dict[str, Check]] = {
    **_common("AIR"),
    "three incidents": incidents(3),
    "three counted": counted(3),
}

TABLE: Final[dict[str, dict[str, Check]]] = {
    "airliner_callsign_flicker": _SHORT_WARNING,
    "airliner_primary_too": _SHORT_WARNING,
    "balloon": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "warned before": warned_before("LT-VL", 60.0),
    },
    "birds_200": {"nobody woken": nobody_woken(), "no shelter": no_shelter()},
    "clock_behind_5s_fast": _one_drone(),
    "coasting_over_border": {
        "sounds": sounds_at_most(MOST_SOUNDS),
        "no shelter": no_shelter(),
        "warned": people_warned("LV-047"),
        "none counted": counted(0),
    },
    "cruise_missile": {
        **_common(),
        "one incident": incidents(1),
        "two minutes before": warned_before("PL-06", 120.0),
        "own nation": nations_warned_only("PL"),
        "nobody far": nobody_warned_beyond(150_000.0),
    },
    "danube_500m": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "one episode": episodes_at_most(1, "RO-TL", "RO"),
        "no flap": shelter_spells_at_most(1),
    },
    "drone_with_callsign": {
        **_one_drone(),
        "shelter": shelter_at("LV-047", 60.0),
    },
    "drone_with_callsign_fast": {
        **_one_drone("TR-65"),
        "shelter": shelter_at("TR-65", 60.0),
    },
    "exit_to_missing_member": {
        **_common(),
        "one incident": incidents(1),
        "alliance not clear": no_clear_before(ALLIANCE, _end),
    },
    "first_seen_30km": {
        **_common(),
        "one incident": incidents(1),
        "third report": told_from_report(3),
        "shelter": shelter_at("LV-073", 60.0),
    },
    "formation_pair": {
        **_common(),
        "two incidents": incidents(2),
        "two counted": counted(2),
        "two objects": most_objects("LV-047", 2),
    },
    "ghosts": {"nobody woken": nobody_woken(), "no shelter": no_shelter()},
    "handover_unknown": _one_drone("EE-87"),
    "ids_every_60s": _one_drone(),
    "ids_every_60s_ended": _one_drone(),
    "inland_ga_unknown": {"nobody woken": nobody_woken(channels=frozenset({"alerts:PL"}))},
    "loiter_circle_2km": {
        "one incident": incidents(1),
        "two sounds": sounds_at_most(2, within_ms=None),
        "one episode": episodes_at_most(1),
        "no shelter": no_shelter(),
        "warned": people_warned("RO-TL", "RO"),
    },
    "loiter_inside": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "one episode": episodes_at_most(1, "RO-TL", "RO-CT"),
        "told once": rises_at_most(2, "RO-TL", "RO-CT"),
    },
    "loiter_over_border": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "one episode": episodes_at_most(1),
        "shelter stays": shelter_spells_at_most(1),
    },
    "ids_ended_at_last_place": _one_drone("FI-02"),
    "lost_13min_over_border": {
        **_common("AIR"),
        "one incident": incidents(1),
        "one counted": counted(1),
        "warned before": warned_before("FI-13", 60.0),
    },
    "lost_and_found_20min": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "seen again": says("seen again"),
    },
    "lt_lv_internal": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
        "nation with region": region_and_nation_together("LV"),
        "warned before": warned_before("LV-042", 60.0),
    },
    "number_given_again_soon": _THREE_IN_TURN,
    "rescue_helicopter": {"silence": silence()},
    "sea_skimmer_fast": {
        **_common(),
        "one incident": incidents(1),
        "warned before": warned_before("RO-CT", 60.0),
        "nobody far": nobody_warned_beyond(150_000.0),
    },
    "slow_radar_75s": _one_drone(),
    "squawk_7500_in_some": {
        "sounds": sounds_at_most(MOST_SOUNDS),
        "told soon": warned_within(60.0, "RO", "RO-IL"),
        "one incident": incidents(1),
        "goes on": never_says("identified"),
    },
    "squawk_7500_inside": {
        "sounds": sounds_at_most(MOST_SOUNDS),
        "told at once": warned_within(20.0, "LV", "LV-067"),
        "one incident": incidents(1),
    },
    "swarm50": {
        **_common(),
        "all counted": counted(each_track),
        "all incidents": incidents(each_track),
        "warned before": warned_before("RO-TL", 60.0),
    },
    "three_entries_hour": {
        **_common(),
        "one incident": incidents(1),
        "one counted": counted(1),
    },
    "two_drones_one_clears": {
        **_common(),
        "two incidents": incidents(2),
        "two counted": counted(2),
        "not clear": no_clear_before("RO-TL", _second_drone_over),
    },
    "two_radars_bias_600": _one_drone(),
    "two_radars_handover": _one_drone(),
    "wave5_heartbeat": {
        **_common("AIR"),
        "five incidents": incidents(5),
        "five counted": counted(5),
        "none seen again": never_says("seen again"),
    },
}

_CASE_DRONE: Final[dict[str, Check]] = {
    "sounds": sounds_at_most(MOST_SOUNDS),
    "one incident": incidents(1),
    "no false all-clear": no_false_clear(),
    "shelter": people_warned("LV-047"),
}

CASES_TABLE: Final[dict[str, dict[str, Check]]] = {
    "01-future-stamp": {**_CASE_DRONE, "not given up": never_says("has not come")},
    "03-outlier": {"no shelter": no_shelter(), "none counted": counted(0)},
    "06-stale-clean": {
        "one incident": incidents(1),
        "not lost": never_says("lost"),
        "sounds": sounds_at_most(MOST_SOUNDS),
    },
    "06-stale-repeated": {
        "one incident": incidents(1),
        "not lost": never_says("lost"),
        "sounds": sounds_at_most(MOST_SOUNDS),
    },
    "10-address-000000": {"two incidents": incidents(2), "two counted": counted(2)},
    "10-shared-address": {"two incidents": incidents(2), "two counted": counted(2)},
    "11-optional-field-01": {**_CASE_DRONE, "read": all_lines_read()},
    "11-optional-field-05": {**_CASE_DRONE, "read": all_lines_read()},
    "11-optional-field-10": {**_CASE_DRONE, "read": all_lines_read()},
    "11-optional-field-14": {**_CASE_DRONE, "read": all_lines_read()},
    "12-null-island-4": {**_CASE_DRONE, "not lost": never_says("lost")},
    "14-interval-120s": {**_CASE_DRONE, "not seen again": never_says("seen again")},
    "14-interval-61s": {**_CASE_DRONE, "not seen again": never_says("seen again")},
    "17-swarm": {
        "sounds": sounds_at_most(MOST_SOUNDS),
        "fifty counted": counted(50),
        "no false all-clear": no_false_clear(),
    },
    "18-first-seen-deep": {"one incident": incidents(1), "still warned": ends_warned("LV")},
    "18-gap-31min": {
        "still warned": ends_warned("LV"),
        "no false all-clear": no_false_clear(),
    },
    "21-one-7700": {"nobody woken": nobody_woken()},
}


# Expectations of recordings beside changed ones (``test_variants``).
VARIANTS: Final = (
    "19-altitude-unknown/inside",
    "airliner_primary_too/file as pipe",
    "clock_behind_5s_fast/file as pipe",
    "formation_pair/file as pipe",
    "two_radars_bias_600/file as pipe",
    "two_radars_handover/file as pipe",
    "ids_every_60s/few more messages",
    "ids_every_60s_ended/few more messages",
)


def expectations(table: dict[str, dict[str, Check]]) -> Iterator[Expectation]:
    """Yield the rows of a table."""
    for recording, checks in table.items():
        for word, check in checks.items():
            yield Expectation(recording, word, check)
