"""The figures of scenes: many measures summed up, and the aims that they are held to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from skyfence.score.figures import Aim
from skyfence.score.scenes.kinds import SceneKind
from skyfence.score.scenes.measure import MINUTE_CLASSES, SceneMeasure

# The aims, from the issue that asked for the scenes.
LEAST_TRUE: Final = 0.70
MOST_SOUNDS: Final = 10
MOST_SOUNDS_IN_THE_LONG_RUN: Final = 1.0
MOST_REALERTED: Final = 0.05
# A class with fewer warnings says little of a share.
LEAST_WARNINGS: Final = 20


@dataclass(frozen=True)
class WarningClass:
    """First warnings that said so many minutes: how many, and how many came true."""

    from_minutes: int
    to_minutes: int
    warnings: int
    true: int

    @property
    def share(self) -> float | None:
        """Return the share that came true; None without any."""
        return self.true / self.warnings if self.warnings else None


@dataclass(frozen=True)
class SceneFigures:
    """A detector's figures on some scenes; ``vain`` are first warnings in vain."""

    scenes: int
    hours: float
    classes: tuple[WarningClass, ...]
    vain: int
    vain_an_hour: float
    entries: int
    unwarned: int
    clears: int
    belied: int
    realerted: int
    counted_right: int
    most_sounds: int
    sounds_a_window: float


@dataclass(frozen=True)
class SceneCell:
    """Scenes of one kind as both detectors judged them."""

    kind: SceneKind
    engine: SceneFigures
    afternoon: SceneFigures


@dataclass(frozen=True)
class SceneScore:
    """The figures of all scenes of a run; ``hours`` are of scenes, not of tracks."""

    seed: int
    scenes: int
    hours: float
    engine: SceneFigures
    afternoon: SceneFigures
    aims: tuple[Aim, ...]
    cells: tuple[SceneCell, ...]


MeasuredScene = tuple[SceneMeasure, SceneMeasure]  # by the engine, by the other


def scene_score(seed: int, measured: Sequence[MeasuredScene]) -> SceneScore:
    """Sum up the measures of all scenes."""
    kinds = dict.fromkeys(engine.name.kind for engine, _ in measured)
    engine, afternoon = _both(measured)
    cells = []
    for kind in kinds:
        own = [pair for pair in measured if pair[0].name.kind is kind]
        cells.append(SceneCell(kind, *_both(own)))
    return SceneScore(
        seed=seed,
        scenes=engine.scenes,
        hours=engine.hours,
        engine=engine,
        afternoon=afternoon,
        aims=tuple(scene_aims(engine, afternoon)),
        cells=tuple(cells),
    )


def scene_figures(measures: Iterable[SceneMeasure]) -> SceneFigures:
    """Sum up a detector's measures of scenes."""
    every = list(measures)
    hours = sum(each.hours for each in every)
    windows = sum(each.place_windows for each in every)
    vain = sum(each.vain for each in every)
    return SceneFigures(
        scenes=len(every),
        hours=hours,
        classes=tuple(_warning_class(every, *bounds) for bounds in MINUTE_CLASSES),
        vain=vain,
        vain_an_hour=vain / hours if hours else 0.0,
        entries=sum(each.entries for each in every),
        unwarned=sum(each.unwarned for each in every),
        clears=sum(each.clears for each in every),
        belied=sum(each.belied for each in every),
        realerted=sum(each.realerted for each in every),
        counted_right=sum(each.counted == each.objects for each in every),
        most_sounds=max((each.most_sounds for each in every), default=0),
        sounds_a_window=sum(each.sounds for each in every) / windows if windows else 0.0,
    )


def scene_aims(engine: SceneFigures, afternoon: SceneFigures) -> list[Aim]:
    """Return the aims over all scenes, met or missed."""

    def aim(name: str, bound: str, value: Callable[[SceneFigures], str], *, met: bool) -> Aim:
        return Aim(name, bound, value(engine), value(afternoon), met)

    shares = [
        aim(
            f"first warnings true, {bounds[0]} to {bounds[1]} minutes left",
            f">= {LEAST_TRUE:.0%}",
            lambda figures, index=index: _share_text(figures.classes[index]),  # type: ignore[misc]
            met=(engine.classes[index].share or 0.0) >= LEAST_TRUE
            or not engine.classes[index].warnings,
        )
        for index, bounds in enumerate(MINUTE_CLASSES)
    ]
    return [
        aim(
            "false all-clears",
            "0",
            lambda each: f"{each.belied}/{each.clears}",
            met=not engine.belied,
        ),
        aim(
            "entered unwarned, seen before",
            "0",
            lambda each: f"{each.unwarned}/{each.entries}",
            met=not engine.unwarned,
        ),
        aim(
            "objects counted right",
            "all",
            lambda each: f"{each.counted_right}/{each.scenes}",
            met=engine.counted_right == engine.scenes,
        ),
        aim(
            "sounds on a channel in ten minutes",
            f"<= {MOST_SOUNDS}",
            lambda each: str(each.most_sounds),
            met=engine.most_sounds <= MOST_SOUNDS,
        ),
        aim(
            "sounds a place, each ten minutes of an episode",
            f"<= {MOST_SOUNDS_IN_THE_LONG_RUN:.0f}",
            lambda each: f"{each.sounds_a_window:.2f}",
            met=engine.sounds_a_window <= MOST_SOUNDS_IN_THE_LONG_RUN,
        ),
        aim(
            "all-clears followed by an alert in ten minutes",
            f"< {MOST_REALERTED:.0%}",
            lambda each: f"{each.realerted}/{each.clears}",
            met=engine.realerted < MOST_REALERTED * max(engine.clears, 1),
        ),
        *shares,
    ]


def _both(measured: Sequence[MeasuredScene]) -> tuple[SceneFigures, SceneFigures]:
    return (
        scene_figures(engine for engine, _ in measured),
        scene_figures(afternoon for _, afternoon in measured),
    )


def _warning_class(every: Sequence[SceneMeasure], start: int, end: int) -> WarningClass:
    own = [
        warning
        for each in every
        for warning in each.first_warnings
        if start <= warning.minutes_left <= end
    ]
    return WarningClass(start, end, len(own), sum(warning.true for warning in own))


def _share_text(each: WarningClass) -> str:
    share = "-" if each.share is None else f"{each.share:.0%}"
    return f"{share} of {each.warnings}"
