"""The scenes' figures on a terminal; the first of two is the engine's."""

from collections.abc import Callable, Mapping
from typing import Final

from rich import box
from rich.table import Table

from skyfence.score.scenes.figures import SceneCell, SceneFigures, SceneScore, WarningClass
from skyfence.score.tables import aims_table

_Columns = Mapping[str, Callable[[SceneFigures], str]]

_PLACES: Final[_Columns] = {
    "entries:\nunwarned": lambda each: f"{each.unwarned}/{each.entries}",
    "all-clears:\nfalse": lambda each: f"{each.belied}/{each.clears}",
    "alert\nagain": lambda each: str(each.realerted),
    "counted\nright": lambda each: f"{each.counted_right}/{each.scenes}",
    "sounds:\nmost": lambda each: str(each.most_sounds),
    "each\n10 min": lambda each: f"{each.sounds_a_window:.1f}",
    "in vain\nan hour": lambda each: f"{each.vain_an_hour:.1f}",
}


def scene_tables(score: SceneScore) -> list[Table]:
    """Return all that scenes showed, the aims last."""
    return [_table_of_places(score), _table_of_warnings(score), aims_table(score.aims, "afternoon")]


def _table_of_places(score: SceneScore) -> Table:
    table = Table(
        title="Scenes on real borders: engine | afternoon detector",
        caption="unwarned: regions entered that were told nothing; false: all-clears with an "
        "object there then or within ten minutes; sounds: the most on a channel in ten minutes, "
        "and for each ten minutes that a place's episodes lasted",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("scenes", no_wrap=True)
    for name in _PLACES:
        table.add_column(name, justify="right", no_wrap=True)
    for cell in score.cells:
        table.add_row(cell.kind, *_pairs(cell, _PLACES))
    return table


def _table_of_warnings(score: SceneScore) -> Table:
    table = Table(
        title="First warnings that came true, by minutes left: engine | afternoon detector",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("scenes", no_wrap=True)
    for each in score.engine.classes:
        table.add_column(f"{each.from_minutes} to {each.to_minutes}", justify="right", no_wrap=True)
    for cell in score.cells:
        table.add_row(
            cell.kind,
            *(
                f"{_fraction(engine)} | {_fraction(afternoon)}"
                for engine, afternoon in zip(
                    cell.engine.classes, cell.afternoon.classes, strict=True
                )
            ),
        )
    return table


def _pairs(cell: SceneCell, columns: _Columns) -> list[str]:
    return [f"{figure(cell.engine)} | {figure(cell.afternoon)}" for figure in columns.values()]


def _fraction(each: WarningClass) -> str:
    return f"{each.true}/{each.warnings}"
