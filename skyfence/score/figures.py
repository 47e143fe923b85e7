"""The figures of a score: many tracks' measures summed up, and the aims that they are held to.

measured tracks ─▶ cells (kind, sigma, noise) ─▶ one ``Figures`` for each detector ─▶ JSON
              └──▶ all of them ──────────────▶ aims, each met or missed
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from skyfence.score.measure import SIGMAS, Measured, MeasuredEntry, measure_engine, measure_naive
from skyfence.score.noise import Noise
from skyfence.score.traffic import SIGMAS_M, TrafficKind
from skyfence.score.trial import Result

# The aims, from the issue that asked for the score.
MOST_NUISANCES: Final = 1.0  # per 1,000 track-hours
LEAST_LEAD_S: Final = 60.0
# Where no event was seen in n hours, the rate is below 3/n with 95 % confidence (rule of three).
_RULE_OF_THREE: Final = 3.0


@dataclass(frozen=True)
class Outside:
    """Tracks that stay outside: counts, and rates per 1,000 track-hours (None without hours)."""

    tracks: int
    hours: float
    violations: int
    confirmed: int
    violations_rate: float | None
    confirmed_rate: float | None


@dataclass(frozen=True)
class Inside:
    """Tracks that truly enter, times in seconds.

    ``entries`` were seen three sigma deep, and none of them may be missed; ``shallow`` are the
    others. Delays and leads are those of ``entries``.
    """

    entries: int
    missed: int
    missed_confirmed: int
    shallow: int
    shallow_told: int
    delay_median_s: float | None
    delay_p95_s: float | None
    confirm_median_s: float | None
    confirm_p95_s: float | None
    lead_median_s: float | None
    lead_60_share: float | None
    deep: int
    deep_late: int
    early: int


@dataclass(frozen=True)
class Figures:
    """A detector's figures on some tracks; ``far`` is at least three sigma outside, ``near`` less.

    ``threats`` counts threats that no entry followed, ``baseless`` those among them when the true
    course did not lead over the border. Rates are per 1,000 track-hours.
    """

    tracks: int
    hours: float
    flaps: int
    threats: int
    baseless: int
    threats_rate: float | None
    baseless_rate: float | None
    far: Outside
    near: Outside
    inside: Inside


@dataclass(frozen=True)
class Cell:
    """Tracks of one kind, sigma and noise, as both detectors judged them."""

    kind: TrafficKind
    sigma_m: float
    noise: Noise
    engine: Figures
    naive: Figures


@dataclass(frozen=True)
class Aim:
    """A figure that the engine must reach; ``naive`` is the other detector's for comparison."""

    name: str
    aim: str
    engine: str
    naive: str
    met: bool


@dataclass(frozen=True)
class Score:
    """The figures of a run; ``hours`` are track-hours."""

    seed: int
    tracks: int
    hours: float
    reports: int
    aims: tuple[Aim, ...]
    cells: tuple[Cell, ...]

    def document(self) -> dict[str, Any]:
        """Return the score as a JSON document, figures rounded to what they can carry."""
        return dict(rounded(asdict(self)))


def score_of(seed: int, results: Sequence[Result]) -> Score:
    """Sum up the results of all trials."""
    groups: dict[tuple[TrafficKind, float, Noise], list[Result]] = defaultdict(list)
    for result in results:
        batch = result.batch
        groups[batch.kind, batch.sigma_m, batch.noise].append(result)
    cells = tuple(Cell(*name, *figures_of_both(group)) for name, group in groups.items())
    return Score(
        seed=seed,
        tracks=len(results),
        hours=sum(result.hours for result in results),
        reports=sum(result.reports for result in results),
        aims=tuple(aims(results)),
        cells=cells,
    )


def figures_of_both(results: Sequence[Result]) -> tuple[Figures, Figures]:
    """Return the engine's and the naive detector's figures on the same tracks."""
    return figures(map(measure_engine, results)), figures(map(measure_naive, results))


def figures(measured: Iterable[Measured]) -> Figures:
    """Sum up a detector's measures."""
    every = list(measured)
    outside = [track for track in every if track.result.stays_outside]
    hours = _hours(every)
    threats = sum(track.threats for track in every)
    baseless = sum(track.baseless for track in every)
    return Figures(
        tracks=len(every),
        hours=hours,
        flaps=sum(track.flaps for track in every),
        threats=threats,
        baseless=baseless,
        threats_rate=_rate(threats, hours),
        baseless_rate=_rate(baseless, hours),
        far=_outside([track for track in outside if track.result.sigmas_outside >= SIGMAS]),
        near=_outside([track for track in outside if track.result.sigmas_outside < SIGMAS]),
        inside=_inside([track for track in every if not track.result.stays_outside]),
    )


def aims(results: Sequence[Result]) -> list[Aim]:
    """Return the aims over all tracks, met or missed; without those that no track can show."""
    engine, naive = figures_of_both(results)
    held: list[Aim] = []
    if engine.inside.entries + engine.inside.shallow:
        missed = _none_of(
            "missed, three sigma deep", engine, naive, lambda figures: figures.inside.missed
        )
        deep = _none_of(
            "deep entries confirmed later", engine, naive, lambda figures: figures.inside.deep_late
        )
        held += [missed, deep]
    held += [aim for sigma_m in SIGMAS_M for aim in _nuisances(results, sigma_m)]
    held.append(_none_of("flaps", engine, naive, lambda figures: figures.flaps))
    return held + _lead([result for result in results if result.batch.kind is TrafficKind.CROSSER])


def _none_of(name: str, engine: Figures, naive: Figures, count: Callable[[Figures], int]) -> Aim:
    return Aim(name, "0", str(count(engine)), str(count(naive)), met=count(engine) == 0)


def _lead(straight: Sequence[Result]) -> list[Aim]:
    if not straight:
        return []
    engine, naive = (detector.inside.lead_median_s for detector in figures_of_both(straight))
    met = engine is not None and engine >= LEAST_LEAD_S
    name, aim = "median lead of straight crossers", f">= {LEAST_LEAD_S:.0f} s"
    return [Aim(name, aim, _text(engine, " s"), _text(naive, " s"), met)]


def _nuisances(results: Sequence[Result], sigma_m: float) -> list[Aim]:
    own = [result for result in results if result.batch.sigma_m == sigma_m]
    engine, naive = (detector.far for detector in figures_of_both(own))
    rate = engine.violations_rate
    if rate is None:
        return []
    few = f", below {1_000.0 * _RULE_OF_THREE / engine.hours:.1f} (95 %)" if rate == 0.0 else ""
    return [
        Aim(
            f"nuisances in 1,000 h, sigma {sigma_m:.0f} m",
            f"<= {MOST_NUISANCES:.0f}",
            f"{_text(rate)}{few} in {engine.hours:,.0f} h",
            _text(naive.violations_rate),
            met=rate <= MOST_NUISANCES,
        )
    ]


def _outside(measured: Sequence[Measured]) -> Outside:
    hours = _hours(measured)
    violations = sum(track.violations for track in measured)
    confirmed = sum(track.confirmed for track in measured)
    rates = _rate(violations, hours), _rate(confirmed, hours)
    return Outside(len(measured), hours, violations, confirmed, *rates)


def _inside(measured: Sequence[Measured]) -> Inside:
    every = [track.entry for track in measured if track.entry is not None]
    entries = [entry for entry in every if entry.sigmas >= SIGMAS]
    shallow = [entry for entry in every if entry.sigmas < SIGMAS]
    delays = _known(entries, lambda entry: entry.delay_s)
    confirms = _known(entries, lambda entry: entry.confirm_s)
    leads = _known(entries, lambda entry: entry.lead_s)
    early_enough = sum(lead_s >= LEAST_LEAD_S for lead_s in leads)
    return Inside(
        entries=len(entries),
        missed=len(entries) - len(delays),
        missed_confirmed=len(entries) - len(confirms),
        shallow=len(shallow),
        shallow_told=sum(entry.delay_s is not None for entry in shallow),
        delay_median_s=_quantile(delays, 0.5),
        delay_p95_s=_quantile(delays, 0.95),
        confirm_median_s=_quantile(confirms, 0.5),
        confirm_p95_s=_quantile(confirms, 0.95),
        lead_median_s=_quantile(leads, 0.5),
        # Of all entries: those that were never told count as too late.
        lead_60_share=early_enough / len(entries) if entries else None,
        deep=sum(entry.deep for entry in every),
        deep_late=sum(entry.deep and not entry.deep_in_time for entry in every),
        early=sum(track.early for track in measured),
    )


def _hours(measured: Sequence[Measured]) -> float:
    return sum(track.result.hours for track in measured)


def _rate(count: int, hours: float) -> float | None:
    return 1_000.0 * count / hours if hours else None


def _known(
    entries: Sequence[MeasuredEntry], value: Callable[[MeasuredEntry], float | None]
) -> list[float]:
    return [seconds for seconds in map(value, entries) if seconds is not None]


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if values else None


def _text(value: float | None, unit: str = "") -> str:
    return "none" if value is None else f"{value:.1f}{unit}"


def rounded(value: Any) -> Any:
    """Return a document with its floats rounded to what they can carry."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value
