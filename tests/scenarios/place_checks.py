"""What can be expected of places: their levels, all-clears and first warnings.

Each check raises ``AssertionError`` with what it met instead, and asks for places' messages first:
an engine that tells nobody anything would meet "no all-clear" too.
"""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

from scenarios.attention import (
    LEVELS,
    false_all_clears,
    first_warning_ms,
    is_raised,
    level_spans,
    report_times_ms,
    without_shelter,
)
from scenarios.checks import Check
from scenarios.judged import ScenarioResult, known_ms
from scenarios.truth import first_entry_ms

from skyfence.contracts.alert import PlaceAlert
from skyfence.geometry.geodesy import metres_per_degree
from skyfence.naming import ALLIANCE
from skyfence.times import to_ms

# Unlawful interference, radio failure, emergency (ICAO Annex 10).
EMERGENCY_CODES = frozenset({"7500", "7600", "7700"})


def no_false_clear(*harmless: str) -> Check:
    """Expect that places speak, and no all-clear while or minutes before a track is there."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        belied = false_all_clears(result, harmless)
        assert not belied, f"{belied}"

    return check


def one_clear_an_episode() -> Check:
    """Expect of each episode steps without a gap, and a clear only as its last message."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        for place, messages in result.by_place.items():
            for first, second in pairwise(messages):
                if first.level == "clear":
                    assert second.episode == first.episode + 1, f"{place}: goes on after clear"
                    assert second.step == 1, f"{place}: an episode begins with step {second.step}"
                else:
                    assert second.step == first.step + 1, f"{place}: a gap in the steps"

    return check


def no_clear_before(place: str, at_ms_of: Callable[[ScenarioResult], int]) -> Check:
    """Expect no all-clear for a place before a time, and that it was warned."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, place)
        early = [
            f"{each.known:%H:%M:%S}"
            for each in result.by_place[place]
            if each.level == "clear" and known_ms(each) < at_ms_of(result)
        ]
        assert not early, f"all-clear at {early}"

    return check


def warned_before(place: str, seconds: float = 0.0) -> Check:
    """Expect a place's first warning this long before the first object truly enters it."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, place)
        warned_ms = first_warning_ms(result, place)
        assert warned_ms is not None, "never warned"
        lead_s = (first_entry_ms(result.name, place) - warned_ms) / 1_000.0
        assert lead_s >= seconds, f"warned {lead_s:.0f} s before"

    return check


def warned_within(seconds: float, *places: str) -> Check:
    """Expect places warned this soon after the first report with an emergency code."""

    def check(result: ScenarioResult) -> None:
        begin_ms = min(
            to_ms(report.time) for report in result.reports if report.mode_3a in EMERGENCY_CODES
        )
        for place in places:
            _ask_for(result, place)
            warned_ms = first_warning_ms(result, place)
            assert warned_ms is not None, f"{place} is never warned"
            assert warned_ms - begin_ms <= 1_000.0 * seconds, f"{place}: {warned_ms - begin_ms} ms"

    return check


def shelter_at(place: str, within_s: float) -> Check:
    """Expect shelter at a place within seconds of the first report or of the true entry."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, place)
        begin_ms = report_times_ms(result)[0]
        with suppress(ValueError):
            begin_ms = max(begin_ms, first_entry_ms(result.name, place))
        times = [known_ms(each) for each in result.by_place[place] if each.level == "shelter"]
        assert times, f"{place} is never told to take shelter"
        assert min(times) - begin_ms <= 1_000.0 * within_s, f"{(min(times) - begin_ms) / 1e3:.0f} s"

    return check


def no_shelter() -> Check:
    """Expect that no place and no incident ever says shelter."""

    def check(result: ScenarioResult) -> None:
        told = sorted({each.place for each in result.messages if each.response_type == "Shelter"})
        assert not told, f"shelter at {told}"

    return check


def shelter_where_seen(*harmless: str) -> Check:
    """Expect shelter in each region that a track has been over for a minute."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        lacking = without_shelter(result, harmless)
        assert not lacking, f"{lacking}"

    return check


def shelter_spells_at_most(number: int) -> Check:
    """Expect that no place goes to shelter more often than this."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        for place, messages in result.by_place.items():
            spans = level_spans(messages, result.presence.end_ms)
            spells = sum(span.level == "shelter" for span in spans)
            assert spells <= number, f"{place}: {spells} times"

    return check


def shelter_holds(place: str) -> Check:
    """Expect that a place that takes shelter is not told less while a track is over it."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, place)
        messages = result.by_place[place]
        assert any(each.level == "shelter" for each in messages), "no shelter"
        for first, second in pairwise(messages):
            if first.level == "shelter" and second.level != "shelter":
                at_ms = known_ms(second)
                over = result.presence.over(place, at_ms, at_ms + 60_000)
                assert not over, f"{second.level} at {second.known:%H:%M:%S}"

    return check


def episodes_at_most(number: int, *places: str) -> Check:
    """Expect that places (all that speak, if none is named) have no more episodes than this."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        for place in places or tuple(result.by_place):
            _ask_for(result, place)
            episodes = {each.episode_id for each in result.by_place[place]}
            assert len(episodes) <= number, f"{place}: {len(episodes)} episodes"

    return check


def rises_at_most(number: int, *places: str) -> Check:
    """Expect that a place's level rises no more often than this; each place was warned."""

    def check(result: ScenarioResult) -> None:
        for place in places:
            _ask_for(result, place)
            spans = level_spans(result.by_place[place], result.presence.end_ms)
            levels = [0, *(LEVELS.index(span.level) for span in spans)]
            rises = sum(second > first for first, second in pairwise(levels))
            assert rises <= number, f"{place}: {rises} rises"

    return check


def warned_for_at_most(seconds: float) -> Check:
    """Expect that no place stays at prepare or shelter for longer."""

    def check(result: ScenarioResult) -> None:
        for place, messages in result.by_place.items():
            for span in level_spans(messages, result.presence.end_ms):
                lasts_s = (span.until_ms - span.from_ms) / 1_000.0
                assert span.level not in ("prepare", "shelter") or lasts_s <= seconds, (
                    f"{place}: {span.level} for {lasts_s:.0f} s"
                )

    return check


def nations_warned_only(*nations: str) -> Check:
    """Expect warnings of these nations, their regions and the alliance alone."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        others = {
            message.place
            for message in result.messages
            if message.place != ALLIANCE and message.place.split("-")[0] not in nations
        }
        assert not others, f"{sorted(others)}"

    return check


def nobody_warned_beyond(metres: float) -> Check:
    """Expect warnings only of regions within a distance of where a track is seen then."""

    def check(result: ScenarioResult) -> None:
        _ask_for_places(result)
        areas = {zone.id: zone.area for zone in result.zones.zones if zone.is_region}
        far = {}
        for message in filter(is_raised, result.messages):
            assert isinstance(message, PlaceAlert)
            if message.place_kind != "region":
                continue
            gaps = [
                _metres_to_bounds(lon, lat, areas[message.place].bounds)
                for lon, lat in result.presence.position_at(known_ms(message))
            ]
            if min(gaps, default=0.0) > metres:
                far[message.place] = round(min(gaps) / 1_000.0)
        assert not far, f"km away when warned: {far}"

    return check


def region_and_nation_together(nation: str) -> Check:
    """Expect a nation's first warning in the same instant as its first region's."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, nation)
        regions = [name for name in result.by_place if name.startswith(f"{nation}-")]
        firsts = [first_warning_ms(result, region) for region in regions]
        times = [at_ms for at_ms in firsts if at_ms is not None]
        assert times, "no region is warned"
        assert first_warning_ms(result, nation) == min(times), "the nation hears at another time"

    return check


def most_objects(place: str, number: int) -> Check:
    """Expect that a place's messages count up to this number of objects, and no further."""

    def check(result: ScenarioResult) -> None:
        _ask_for(result, place)
        most = max(each.objects for each in result.by_place[place])
        assert most == number, f"{most} objects"

    return check


def people_warned(*places: str) -> Check:
    """Expect that places are warned at all."""

    def check(result: ScenarioResult) -> None:
        for place in places:
            assert first_warning_ms(result, place) is not None, f"{place} is never warned"

    return check


def ends_warned(*places: str) -> Check:
    """Expect that places are still warned when the recording ends."""

    def check(result: ScenarioResult) -> None:
        for place in places:
            _ask_for(result, place)
            last = [each for each in result.by_place[place] if known_ms(each) <= _end_ms(result)]
            assert last, f"{place} hears nothing before the end"
            assert is_raised(last[-1]), f"{place} ends with {last[-1].level}"

    return check


def _end_ms(result: ScenarioResult) -> int:
    return result.presence.end_ms


def _ask_for_places(result: ScenarioResult) -> None:
    assert result.place_alerts, "no place has a state"


def _ask_for(result: ScenarioResult, place: str) -> None:
    assert place in result.by_place, f"{place} has no state"


def _metres_to_bounds(lon: float, lat: float, bounds: tuple[float, float, float, float]) -> float:
    """Return the distance to a rectangle of degrees: at most that to the area within."""
    west, south, east, north = bounds
    per_lon, per_lat = metres_per_degree(lat)
    east_m = max(west - lon, 0.0, lon - east) * per_lon
    north_m = max(south - lat, 0.0, lat - north) * per_lat
    return float((east_m**2 + north_m**2) ** 0.5)
