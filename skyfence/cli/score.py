"""``skyfence score``: how well the engine does on synthetic traffic, beside a naive detector.

seed ──▶ batches ──▶ trials (one or more processes) ──▶ figures ──▶ tables or JSON, chart
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import track

from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import UnavailableError, UsageError
from skyfence.score import plan
from skyfence.score.figures import Score, rounded, score_of
from skyfence.score.scenes.figures import MeasuredScene, SceneScore, scene_score
from skyfence.score.scenes.judging import SceneBench, scene_names
from skyfence.score.scenes.kinds import SceneKind, SceneName
from skyfence.score.scenes.tables import scene_tables
from skyfence.score.tables import tables
from skyfence.score.traffic import Batch, TrafficKind
from skyfence.score.trial import Bench, Result
from skyfence.score.world import COPIES, World

_TABLE_COLUMNS = 120  # where the output is no terminal
_Item = TypeVar("_Item")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document, no tables.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    help="Track-hours along the border for each sigma.  "
    f"[default: {plan.SHORT_HOURS:.0f}; --long: {plan.LONG_HOURS:,.0f}]",
)
@click.option(
    "--tracks",
    type=click.IntRange(1, COPIES),
    default=COPIES,
    show_default=True,
    help="Tracks in a batch; there is one of each kind, sigma and noise at least.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in (*TrafficKind, *SceneKind)]),
    multiple=True,
    help="Only this kind of flight or scene (may be given again).",
)
@click.option(
    "--scenes",
    type=click.IntRange(0),
    help="Scenes of each kind on real borders; 0: none.  "
    f"[default: {plan.SHORT_SCENES}; --long: {plan.LONG_SCENES}]",
)
@click.option("--long", "is_long", is_flag=True, help="Many hours, raids of up to 200, all cores.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: 1; --long: all cores]")
@click.option("--chart", type=click.Path(dir_okay=False, path_type=Path), help="Write a PNG.")
def score(
    as_json: bool,
    seed: int,
    hours: float | None,
    tracks: int,
    kinds: tuple[str, ...],
    scenes: int | None,
    is_long: bool,
    jobs: int | None,
    chart: Path | None,
) -> int:
    """Judge synthetic traffic with the engine and with simple detectors beside it.

    Tracks along a border of a made-up world are judged by a naive enter/exit detector too; scenes
    on the real borders of the default zones by one with debounce and a straight look-ahead. The
    same seed, hours, tracks and scenes give the same figures, whatever the number of processes.
    """
    hours = hours or (plan.LONG_HOURS if is_long else plan.SHORT_HOURS)
    jobs = jobs or (os.cpu_count() or 1 if is_long else 1)
    if chart is not None:
        _check_chart(chart)
    batches = plan.batches(
        hours, tracks, [kind for kind in TrafficKind if kind in kinds or not kinds]
    )
    results = _judge(seed, batches, jobs, tracks)
    totals = score_of(seed, results)
    scene_totals = _scene_totals(seed, kinds, scenes, jobs, is_long=is_long)
    if as_json:
        document = totals.document() | {"scenes": rounded(asdict(scene_totals))}
        click.echo(json.dumps(document, indent=1))
    else:
        _print(totals, scene_totals)
    if chart is not None and results:
        _draw(results, seed, chart)
    return 0


def _scene_totals(
    seed: int, kinds: Sequence[str], count: int | None, jobs: int, *, is_long: bool
) -> SceneScore:
    """Judge the scenes of a run and sum them up."""
    if count is None:
        count = plan.LONG_SCENES if is_long else plan.SHORT_SCENES
    chosen = [kind for kind in SceneKind if count and (kind in kinds or not kinds)]
    names = [(seed, name) for name in scene_names(count, chosen, is_long=is_long)]
    if jobs == 1 or not names:
        return scene_score(seed, _shown(map(_judge_scene, names), len(names)))
    with multiprocessing.get_context("spawn").Pool(jobs, _ignore_interrupts) as pool:
        return scene_score(seed, _shown(pool.imap(_judge_scene, names), len(names)))


_scene_bench: list[SceneBench] = []  # one a process, made for the first scene


def _judge_scene(named: tuple[int, SceneName]) -> MeasuredScene:
    if not _scene_bench:
        _scene_bench.append(SceneBench())
    return _scene_bench[0].judge(*named)


def _judge(seed: int, batches: Sequence[Batch], jobs: int, tracks: int) -> list[Result]:
    """Judge all batches; the results stand in the batches' order."""
    named = [(seed, batch) for batch in batches]
    if not named:
        return []
    if jobs == 1:
        _prepare(tracks)
        return _collect(map(_judge_one, named), len(named))
    # A fresh interpreter each: threads of Arrow and GEOS do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(jobs, _prepare_worker, (tracks,)) as pool:
        return _collect(pool.imap(_judge_one, named), len(named))


def _collect(totals: Iterable[list[Result]], count: int) -> list[Result]:
    return [result for results in _shown(totals, count) for result in results]


def _shown(items: Iterable[_Item], count: int) -> list[_Item]:
    """Return all items, with a bar on a terminal while they are made."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return list(items)
    return list(track(items, "judging", total=count, console=console, transient=True))


_bench: list[Bench] = []  # one a process: zones take a while to prepare


def _prepare(tracks: int) -> None:
    _bench[:] = [Bench(World(tracks))]


def _prepare_worker(tracks: int) -> None:
    _ignore_interrupts()
    _prepare(tracks)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer


def _judge_one(named: tuple[int, Batch]) -> list[Result]:
    return _bench[0].judge(*named)


def _print(totals: Score, scenes: SceneScore) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_TABLE_COLUMNS)
    shown = [
        *(tables(totals) if totals.tracks else []),
        *(scene_tables(scenes) if scenes.scenes else []),
    ]
    for table in shown:
        console.print(table)
    console.print(
        f"seed {totals.seed}: {totals.tracks:,} tracks, {totals.hours:,.0f} track-hours, "
        f"{totals.reports:,} reports; {scenes.scenes:,} scenes, {scenes.hours:,.0f} hours"
    )


def _check_chart(chart: Path) -> None:
    """Fail before the work rather than after it."""
    if find_spec("matplotlib") is None:
        raise UsageError("--chart needs matplotlib: pip install '.[score]' in a checkout")
    if not chart.parent.is_dir():
        raise UnavailableError(f"{chart.parent}: no such directory")


def _draw(results: Sequence[Result], seed: int, chart: Path) -> None:
    from skyfence.score.chart import draw  # noqa: PLC0415 - an optional dependency

    try:
        with chart.open("wb") as out:
            draw(results, seed, out)
    except OSError as error:
        raise UnavailableError(f"{chart}: {describe_os_error(error)}") from None
