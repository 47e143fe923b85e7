"""``skyfence score``: how well the engine does on synthetic traffic, beside a naive detector.

seed ──▶ batches ──▶ trials (one or more processes) ──▶ figures ──▶ tables or JSON, chart
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import UnavailableError, UsageError
from skyfence.score import plan
from skyfence.score.figures import Score, score_of
from skyfence.score.tables import tables
from skyfence.score.traffic import Batch, TrafficKind
from skyfence.score.trial import Bench, Result
from skyfence.score.world import COPIES, World

_TABLE_COLUMNS = 120  # where the output is no terminal


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document, no tables.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    help=f"Track-hours along the border for each sigma.  [default: {plan.SHORT_HOURS:.0f}]",
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
    type=click.Choice([kind.value for kind in TrafficKind]),
    multiple=True,
    help="Only this kind of flight (may be given again).",
)
@click.option("--long", "is_long", is_flag=True, help=f"{plan.LONG_HOURS:,.0f} hours, all cores.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: 1; --long: all cores]")
@click.option("--chart", type=click.Path(dir_okay=False, path_type=Path), help="Write a PNG.")
def score(
    as_json: bool,
    seed: int,
    hours: float | None,
    tracks: int,
    kinds: tuple[str, ...],
    is_long: bool,
    jobs: int | None,
    chart: Path | None,
) -> int:
    """Judge synthetic traffic with the engine and with a naive enter/exit detector.

    The same seed, hours and tracks give the same figures, whatever the number of processes.
    """
    if is_long and hours is not None:
        raise UsageError("--long and --hours exclude one another")
    hours = hours or (plan.LONG_HOURS if is_long else plan.SHORT_HOURS)
    jobs = jobs or (os.cpu_count() or 1 if is_long else 1)
    if chart is not None:
        _check_chart(chart)
    batches = plan.batches(
        hours, tracks, [TrafficKind(kind) for kind in kinds] or tuple(TrafficKind)
    )
    results = _judge(seed, batches, jobs, tracks)
    totals = score_of(seed, results)
    if as_json:
        click.echo(json.dumps(totals.document(), indent=1))
    else:
        _print(totals)
    if chart is not None:
        _draw(results, seed, chart)
    return 0


def _judge(seed: int, batches: Sequence[Batch], jobs: int, tracks: int) -> list[Result]:
    """Judge all batches; the results stand in the batches' order."""
    named = [(seed, batch) for batch in batches]
    if jobs == 1:
        _prepare(tracks)
        return _collect(map(_judge_one, named), len(named))
    # A fresh interpreter each: threads of Arrow and GEOS do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(jobs, _prepare_worker, (tracks,)) as pool:
        return _collect(pool.imap(_judge_one, named), len(named))


def _collect(totals: Iterable[list[Result]], count: int) -> list[Result]:
    console = Console(stderr=True)
    shown: Iterator[list[Result]] = iter(
        track(totals, "judging", total=count, console=console, transient=True)
        if console.is_terminal
        else totals
    )
    return [result for results in shown for result in results]


_bench: list[Bench] = []  # one a process: zones take a while to prepare


def _prepare(tracks: int) -> None:
    _bench[:] = [Bench(World(tracks))]


def _prepare_worker(tracks: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to answer
    _prepare(tracks)


def _judge_one(named: tuple[int, Batch]) -> list[Result]:
    return _bench[0].judge(*named)


def _print(totals: Score) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_TABLE_COLUMNS)
    for table in tables(totals):
        console.print(table)
    console.print(
        f"seed {totals.seed}: {totals.tracks:,} tracks, {totals.hours:,.0f} track-hours, "
        f"{totals.reports:,} reports"
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
