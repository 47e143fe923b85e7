"""Scenes on real borders: made from a seed, and measured by measures that can fail."""

import numpy as np
import pytest
from builders import T0_MS, seen, world

from skyfence.adapters.files import load_zones
from skyfence.contracts.alert import PlaceLevel
from skyfence.score.scenes.afternoon import AfternoonDetector
from skyfence.score.scenes.figures import scene_aims, scene_figures
from skyfence.score.scenes.frontier import Frontier
from skyfence.score.scenes.judging import scene_names
from skyfence.score.scenes.kinds import Scene, SceneKind, SceneName, SceneObject, scene_of
from skyfence.score.scenes.measure import FirstWarning, SceneMeasure, measure
from skyfence.score.scenes.paths import TruePath
from skyfence.score.scenes.sensors import START_MS
from skyfence.score.scenes.told import PlaceMessage, Told
from skyfence.score.scenes.truth import Places, SceneTruth

NAME = SceneName(SceneKind.DIRECT, 0)
# The object of ``scene`` is over AA-1 from the 1,000th second to the 2,000th.
ENTERS_S, LEAVES_S = 1_000, 2_000
REGION = "AA-1"


def path(lons: np.ndarray) -> TruePath:
    return TruePath(0.0, lons, np.full(len(lons), 56.25), np.full(len(lons), 90.0), 60.0)


def truth(hostile: bool = True) -> SceneTruth:
    """Return the truth of an object that comes from XX, crosses AA-1 and goes on into BB-1."""
    lons = 26.0 + np.arange(2_500) / ENTERS_S
    offset_s = (START_MS - T0_MS) / 1_000.0
    reports = tuple(seen(offset_s + second, lons[second]) for second in range(0, 2_500, 10))
    scene = Scene(NAME, (SceneObject(path(lons), hostile),), reports)
    return SceneTruth(scene, Places(world()))


def told(*messages: tuple[float, PlaceLevel, int | None]) -> Told:
    """Return what AA-1 is told: second, level, minutes left; all of it sounds."""
    return Told(
        tuple(
            PlaceMessage(
                START_MS + int(1_000 * at_s), REGION, "region", level, minutes, sounds=True
            )
            for at_s, level, minutes in messages
        ),
        counted=1,
    )


def measured(*messages: tuple[float, PlaceLevel, int | None]) -> SceneMeasure:
    return measure(NAME, told(*messages), truth())


def test_the_truth_is_where_the_path_is() -> None:
    """An object's stay over a place begins and ends where its path crosses the zone's border."""
    stay = next(visit for visit in truth().visits if visit.place == REGION)
    assert stay.from_ms == pytest.approx(START_MS + 1_000 * ENTERS_S, abs=2_000)
    assert stay.until_ms == pytest.approx(START_MS + 1_000 * LEAVES_S, abs=2_000)


def test_a_harmless_flight_is_over_no_place() -> None:
    """What endangers nobody makes no warning true and no all-clear false."""
    assert truth(hostile=False).visits == []


def test_an_all_clear_with_an_object_there_is_false() -> None:
    """An all-clear is false while the object is there, and in the ten minutes before it comes."""
    assert measured((900, "prepare", 1), (1_500, "clear", None)).belied == 1
    assert measured((100, "prepare", 9), (450, "clear", None)).belied == 1
    assert measured((100, "prepare", 9), (350, "clear", None)).belied == 0
    assert measured((900, "prepare", 1), (2_010, "clear", None)).belied == 0


def test_a_first_warning_comes_true_within_twice_its_minutes() -> None:
    """A warning is true if the object comes within twice the minutes said and five more."""
    assert measured((400, "prepare", 5)).first_warnings == (FirstWarning(5, true=True),)
    assert measured((100, "prepare", 4)).first_warnings == (FirstWarning(4, true=False),)


def test_only_the_first_warning_of_an_episode_counts() -> None:
    """Later minutes of an episode are no first warning; after an all-clear one is again."""
    running = measured((400, "prepare", 9), (600, "prepare", 5), (900, "shelter", None))
    ended = measured((400, "prepare", 9), (500, "clear", None), (600, "prepare", 5))
    assert [warning.minutes_left for warning in running.first_warnings] == [9]
    assert [warning.minutes_left for warning in ended.first_warnings] == [9, 5]


def test_a_region_entered_without_a_warning_is_counted() -> None:
    """A region must be at prepare or shelter when the object enters, not some seconds later."""
    assert measured((999, "prepare", 0)).unwarned == 1  # BB-1 is told nothing
    assert measured((1_003, "shelter", None)).unwarned == 2
    assert measured((999, "prepare", 0)).entries == 2


def test_an_alert_soon_after_an_all_clear_is_counted() -> None:
    """An all-clear counts as followed by an alert within ten minutes, not later."""
    assert measured((100, "prepare", 9), (200, "clear", None), (799, "prepare", 3)).realerted == 1
    assert measured((100, "prepare", 9), (200, "clear", None), (801, "prepare", 3)).realerted == 0


def test_sounds_are_counted_in_any_ten_minutes() -> None:
    """The most sounds are those of the fullest ten minutes, wherever they begin."""
    few = measured((100, "prepare", 9), (400, "prepare", 5), (699, "prepare", 1))
    apart = measured((100, "prepare", 9), (700, "prepare", 5), (1_300, "prepare", 1))
    assert (few.most_sounds, apart.most_sounds) == (3, 1)


def test_a_figure_that_misses_its_aim_says_so() -> None:
    """Each aim is missed where the engine's figure is beyond its bound, and met otherwise."""
    good = scene_figures([measured((700, "prepare", 5))])
    bad = scene_figures([measured((100, "prepare", 4), (450, "clear", None), (500, "prepare", 1))])
    missed = {aim.name for aim in scene_aims(bad, good) if not aim.met}
    assert {"false all-clears", "all-clears followed by an alert in ten minutes"} <= missed
    assert "false all-clears" not in {aim.name for aim in scene_aims(good, bad) if not aim.met}


def test_the_afternoon_detector_waits_for_three_reports() -> None:
    """It warns with the third report that heads for a place, and rings at shelter again."""
    reports = [
        seen(at_s, 26.9 + at_s * 0.001, ground_speed_mps=60.0, course_deg=90.0)
        for at_s in range(0, 200, 10)
    ]
    messages = [
        message
        for message in AfternoonDetector(world()).judge(reports).messages
        if message.place == REGION
    ]
    assert [message.level for message in messages] == ["prepare", "shelter", "clear"]
    assert messages[0].at_ms == T0_MS + 20_000


@pytest.fixture(scope="module")
def frontier() -> Frontier:
    return Frontier(load_zones())


@pytest.mark.parametrize("kind", list(SceneKind))
def test_a_scene_depends_on_its_seed_and_name_alone(frontier: Frontier, kind: SceneKind) -> None:
    """The same seed and name give the same reports, another seed others, all begin outside."""
    name = SceneName(kind, 1, 3 if kind is SceneKind.RAID else 1)
    scene = scene_of(frontier, 1, name)
    assert scene.reports == scene_of(frontier, 1, name).reports
    assert scene.reports != scene_of(frontier, 2, name).reports
    for each in scene.objects:
        assert not frontier.is_member(float(each.path.lons[0]), float(each.path.lats[0]))


def test_most_of_what_heads_for_a_border_comes_over_it() -> None:
    """Three flights straight in, and three by way of others, for each that turns back."""
    kinds = [name.kind for name in scene_names(2)]
    counts = [kinds.count(kind) for kind in (SceneKind.DIRECT, SceneKind.LEGS)]
    assert counts == [3 * kinds.count(SceneKind.TURNS_BACK)] * 2
    assert kinds.count(SceneKind.TURNS_BACK) == 2


def test_raids_have_their_sizes() -> None:
    """The long run has raids of up to 200 objects, any run those of five."""
    sizes = {name.objects for name in scene_names(1) if name.kind is SceneKind.RAID}
    long_sizes = {
        name.objects for name in scene_names(1, is_long=True) if name.kind is SceneKind.RAID
    }
    assert sizes == {5, 20}
    assert max(long_sizes) == 200
