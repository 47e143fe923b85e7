"""The score on a terminal: tracks that stay outside, tracks that enter, and the aims.

Where two figures stand in a cell, the first is the engine's, the second the naive detector's. No
table is wider than 120 columns.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from skyfence.score.figures import Aim, Cell, Score

_NOTHING: Final = "-"
_Columns = Mapping[str, Callable[[Cell], str]]

_OUTSIDE: Final[_Columns] = {
    "far:\nhours": lambda cell: f"{cell.engine.far.hours:,.0f}",
    "far:\nviolations": lambda cell: _pair(
        cell.engine.far.violations_rate, cell.naive.far.violations_rate
    ),
    "far:\nsure": lambda cell: _number(cell.engine.far.confirmed_rate),
    "near:\nhours": lambda cell: f"{cell.engine.near.hours:,.0f}",
    "near:\nviolations": lambda cell: _pair(
        cell.engine.near.violations_rate, cell.naive.near.violations_rate
    ),
    "near:\nsure": lambda cell: _number(cell.engine.near.confirmed_rate),
    "threats": lambda cell: _number(cell.engine.threats_rate),
    "base-\nless": lambda cell: _number(cell.engine.baseless_rate),
    "flaps,\ncount": lambda cell: _pair(cell.engine.flaps, cell.naive.flaps),
}
_TOLD: Final[_Columns] = {
    "entries": lambda cell: str(cell.engine.inside.entries),
    "missed": lambda cell: _pair(cell.engine.inside.missed, cell.naive.inside.missed),
    "not con-\nfirmed": lambda cell: str(cell.engine.inside.missed_confirmed),
    "deep": lambda cell: str(cell.engine.inside.deep),
    "deep:\nlater": lambda cell: str(cell.engine.inside.deep_late),
    "shallow": lambda cell: str(cell.engine.inside.shallow),
    "shallow:\ntold": lambda cell: _pair(
        cell.engine.inside.shallow_told, cell.naive.inside.shallow_told
    ),
    "early": lambda cell: _pair(cell.engine.inside.early, cell.naive.inside.early),
    "flaps": lambda cell: _pair(cell.engine.flaps, cell.naive.flaps),
}
_WHEN: Final[_Columns] = {
    "lead:\nmedian": lambda cell: _number(cell.engine.inside.lead_median_s),
    ">= 60 s": lambda cell: _percent(cell.engine.inside.lead_60_share),
    "violation:\nmedian": lambda cell: _pair(
        cell.engine.inside.delay_median_s, cell.naive.inside.delay_median_s
    ),
    "violation:\n95 %": lambda cell: _pair(
        cell.engine.inside.delay_p95_s, cell.naive.inside.delay_p95_s
    ),
    "confirmed:\nmedian": lambda cell: _number(cell.engine.inside.confirm_median_s),
    "confirmed:\n95 %": lambda cell: _number(cell.engine.inside.confirm_p95_s),
}


def tables(score: Score) -> list[Table]:
    """Return all that was found, the aims last."""
    outside = [cell for cell in score.cells if cell.engine.far.tracks + cell.engine.near.tracks]
    entered = [
        cell for cell in score.cells if cell.engine.inside.entries + cell.engine.inside.shallow
    ]
    made = [
        _table(
            "Tracks that stay outside, per 1,000 track-hours: engine | naive",
            "far: three sigma outside and more; near: closer; sure: confirmed; threats: those that "
            "no entry followed; baseless: of these, when the true course led over no border",
            _OUTSIDE,
            outside,
        ),
        _table(
            "Tracks that enter, counts: engine | naive",
            "entries: seen three sigma deep, shallow: never; deep: the first report inside was "
            "over three sigma deep, later: confirmed only after it; early: told of more than "
            "three sigma outside",
            _TOLD,
            entered,
        ),
        _table(
            "When entries were told, seconds: engine | naive",
            "lead: from the first warning to the border; the others: from the border to the first "
            "message of a violation, and to the one that confirms it",
            _WHEN,
            entered,
        ),
    ]
    return [*(table for table in made if table.row_count), aims_table(score.aims)]


def aims_table(aims: Iterable[Aim], other: str = "naive") -> Table:
    """Return the table of aims, met or missed, beside another detector's figures."""
    table = Table(title="Aims", box=box.SIMPLE_HEAD)
    for name in ("", "aim", "engine", other, ""):
        table.add_column(name)
    for aim in aims:
        met = Text("ok", "green") if aim.met else Text("missed", "bold red")
        table.add_row(aim.name, aim.aim, aim.engine, aim.naive, met)
    return table


def _table(title: str, caption: str, columns: _Columns, cells: Iterable[Cell]) -> Table:
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("tracks", no_wrap=True)
    table.add_column("reports", justify="right", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    before = None
    for cell in cells:
        if before not in (None, cell.kind):
            table.add_section()
        figures = [figure(cell) for figure in columns.values()]
        noise = cell.noise.replace("correlated", "corr.")
        table.add_row(cell.kind, f"{cell.sigma_m:.0f} m {noise}", *figures)
        before = cell.kind
    return table


def _pair(engine: float | None, naive: float | None) -> str:
    return f"{_number(engine)} | {_number(naive)}"


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else f"{100.0 * share:.0f} %"


def _number(value: float | None) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.1f}"
