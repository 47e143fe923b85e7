"""The score as a picture: nuisances and flaps per sigma, and when crossers are told of.

Needs matplotlib, which comes with ``skyfence[score]``. Draws into a stream; opens no file.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, Final

import numpy as np
from matplotlib.figure import Figure

from skyfence.score.figures import LEAST_LEAD_S, MOST_NUISANCES, Figures, figures_of_both
from skyfence.score.measure import SIGMAS, Measured, MeasuredEntry, measure_engine, measure_naive
from skyfence.score.traffic import SIGMAS_M, TrafficKind
from skyfence.score.trial import Result

_ENGINE: Final = "#1b4f8a"
_WARNING: Final = "#d98e04"
_NAIVE: Final = "#9a9a9a"
_BAR: Final = 0.38
_TICKS_S: Final = (-600, -300, -60, -10, 0, 10, 60)
_ROWS: Final[
    Sequence[tuple[str, str, Callable[[Result], Measured], Callable[[MeasuredEntry], float | None]]]
] = (
    ("first warning", _WARNING, measure_engine, lambda entry: _minus(entry.lead_s)),
    ("violation", _ENGINE, measure_engine, lambda entry: entry.delay_s),
    ("confirmed", _ENGINE, measure_engine, lambda entry: entry.confirm_s),
    ("naive", _NAIVE, measure_naive, lambda entry: entry.delay_s),
)


def draw(results: Sequence[Result], seed: int, out: BinaryIO) -> None:
    """Draw the results of a run as a PNG."""
    figure = Figure(figsize=(12.0, 6.4), layout="constrained")
    axes = figure.subplots(2, 2, width_ratios=[1.0, 1.35])
    tops = axes[0, 1].get_gridspec()
    for unused in axes[:, 1]:
        unused.remove()
    sums = [
        figures_of_both([result for result in results if result.batch.sigma_m == sigma])
        for sigma in SIGMAS_M
    ]
    _bars(axes[0, 0], sums, _far_rate, "Violations told, objects that stay 3 sigma outside")
    axes[0, 0].axhline(MOST_NUISANCES, color="black", linewidth=0.8, linestyle=":")
    _bars(axes[1, 0], sums, _flap_rate, "Flaps, all objects")
    _bars_legend(axes[0, 0])
    _timing(figure.add_subplot(tops[:, 1]), [result for result in results if _is_straight(result)])
    hours = sum(result.hours for result in results)
    figure.suptitle(
        f"skyfence score: {len(results):,} tracks, {hours:,.0f} track-hours, seed {seed}",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})


def _bars(
    axis: Any,
    sums: Sequence[tuple[Figures, Figures]],
    value: Callable[[Figures], float],
    title: str,
) -> None:
    """Draw both detectors' rates beside one another, a pair for each sigma."""
    for shift, colour, number in ((-0.5, _ENGINE, 0), (0.5, _NAIVE, 1)):
        heights = [value(pair[number]) for pair in sums]
        places = np.arange(len(sums)) + shift * _BAR
        bars = axis.bar(places, heights, _BAR, color=colour)
        labels = [f"{height:,.0f}" if height >= 10.0 else f"{height:.2g}" for height in heights]
        axis.bar_label(bars, labels, fontsize=8, padding=2)
    axis.set_yscale("symlog", linthresh=1.0)
    axis.set_ylim(0.0, 10.0 * max(10.0, axis.get_ylim()[1]))
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.set_xticks(range(len(sums)), [f"{sigma:.0f} m" for sigma in SIGMAS_M])
    axis.set_xlabel("sigma of a report")
    axis.set_ylabel("per 1,000 track-hours")
    axis.set_title(title, fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)


def _bars_legend(axis: Any) -> None:
    engine, naive = (bars[0] for bars in axis.containers if hasattr(bars, "patches"))
    handles, names = [engine, naive], ["engine", "naive enter/exit"]
    aim = axis.lines[0]
    axis.legend([*handles, aim], [*names, "aim"], fontsize=8, frameon=False, ncols=3)


def _timing(axis: Any, results: Sequence[Result]) -> None:
    """Draw when straight crossers were told of: median, and the range of nine in ten."""
    place, ticks, names = 0.0, [], []
    for sigma_m in SIGMAS_M:
        own = [result for result in results if result.batch.sigma_m == sigma_m]
        for name, colour, measure, value in _ROWS:
            seconds = _seconds(map(measure, own), value)
            if seconds:
                low, middle, high = np.quantile(seconds, [0.05, 0.5, 0.95])
                axis.plot([low, high], [place, place], color=colour, linewidth=2.5, alpha=0.6)
                axis.plot(middle, place, "o", color=colour, markersize=6)
                axis.annotate(
                    f"{middle:+.0f} s",
                    (middle, place),
                    xytext=(0, 6),
                    textcoords="offset points",
                    fontsize=8,
                    ha="center",
                )
            ticks.append(place)
            names.append(f"{name}, {sigma_m:.0f} m")
            place += 1.0
        place += 0.7
    axis.axvline(0.0, color="black", linewidth=0.8)
    axis.axvline(-LEAST_LEAD_S, color="black", linewidth=0.8, linestyle=":")
    # Seconds matter after the border, minutes before it.
    axis.set_xscale("symlog", linthresh=10.0, linscale=0.7)
    axis.set_xticks(_TICKS_S, [f"{tick:+d}" if tick else "0" for tick in _TICKS_S])
    axis.minorticks_off()
    axis.set_yticks(ticks, names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("seconds after the true crossing; dotted: the aim for the first warning")
    axis.set_title("Straight crossers: median, and nine in ten", fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)


def _seconds(
    measured: Iterable[Measured], value: Callable[[MeasuredEntry], float | None]
) -> list[float]:
    entries = [track.entry for track in measured if track.entry and track.entry.sigmas >= SIGMAS]
    return [seconds for seconds in map(value, entries) if seconds is not None]


def _is_straight(result: Result) -> bool:
    return result.batch.kind is TrafficKind.CROSSER


def _far_rate(figures: Figures) -> float:
    return figures.far.violations_rate or 0.0


def _flap_rate(figures: Figures) -> float:
    return 1_000.0 * figures.flaps / figures.hours if figures.hours else 0.0


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
