"""Scenes judged by both detectors, one after the other: what a process of a run does."""

from collections.abc import Collection
from typing import Final

from skyfence.adapters.files import load_catalogue, load_policy, load_zones
from skyfence.engine import Engine
from skyfence.score.scenes.afternoon import AfternoonDetector
from skyfence.score.scenes.figures import MeasuredScene
from skyfence.score.scenes.frontier import Frontier
from skyfence.score.scenes.kinds import SceneKind, SceneName, scene_of
from skyfence.score.scenes.measure import measure
from skyfence.score.scenes.told import told_by_engine
from skyfence.score.scenes.truth import Places, SceneTruth

# How large raids are: the smallest in any run, the largest in the long one.
_RAIDS: Final = (5, 20)
# What heads for a border mostly comes over it: for each flight that passes by and each that turns
# back on its last kilometres, three fly straight to a target inside and three by way of others. The
# share of warnings that come true follows from this mix.
_WEIGHTS: Final = {SceneKind.DIRECT: 3, SceneKind.LEGS: 3}
_LONG_RAIDS: Final = (5, 10, 20, 50, 100, 200)


class SceneBench:
    """Both detectors with the default zones and policy, ready for one scene after the other."""

    def __init__(self) -> None:
        zones = load_zones()
        self._frontier = Frontier(zones)
        self._places = Places(zones)
        self._engine = Engine(zones, load_catalogue().english.operators, policy=load_policy())
        self._afternoon = AfternoonDetector(zones)

    def judge(self, seed: int, name: SceneName) -> MeasuredScene:
        """Make a scene, have both detectors judge it, and measure what they told."""
        scene = scene_of(self._frontier, seed, name)
        truth = SceneTruth(scene, self._places)
        by_engine = told_by_engine(self._engine, scene.reports, f"scene-{name.run}")
        return (
            measure(name, by_engine, truth),
            measure(name, self._afternoon.judge(scene.reports), truth),
        )


def scene_names(
    count: int, kinds: Collection[SceneKind] = tuple(SceneKind), *, is_long: bool = False
) -> list[SceneName]:
    """Return so many scenes of each kind, of some thrice as many.

    Of raids there is one of each size for every ten.
    """
    names = [
        SceneName(kind, number)
        for kind in SceneKind
        if kind in kinds and kind is not SceneKind.RAID
        for number in range(count * _WEIGHTS.get(kind, 1))
    ]
    if SceneKind.RAID in kinds:
        sizes = _LONG_RAIDS if is_long else _RAIDS
        names += [
            SceneName(SceneKind.RAID, number, objects)
            for objects in sizes
            for number in range(max(1, count // 10))
        ]
    return names
