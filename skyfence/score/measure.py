"""What counts as missed, a nuisance, a flap, late or early: one track's result at a time.

The same rules for both detectors. A *spell* is a time in which a track stood as a violation, from
the first message of it to ``exited`` or ``closed``; lost is not left. A *warning* begins with a
threat already. Of an entry only the spell (or warning) counts that stands when it happens, or else
the first after it: what had been called off before it was no help.

Does not sum up over tracks (``figures``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from skyfence.score.trial import Result, Said

# The line between what must be known and what noise may hide: three sigma of one report.
SIGMAS: Final = 3.0
# A report this far off its object is no error of measurement.
_STRAY_SIGMAS: Final = 6.0
_VIOLATIONS: Final = ("possible", "violation")
_OVER: Final = ("exited", "closed")


@dataclass
class Spell:
    """A time in which a track was held to be inside (or, of a warning, to come)."""

    start: Said
    confirmed: Said | None = None
    end_ms: float | None = None

    def stands_at(self, at_ms: float) -> bool:
        """Tell whether it began before a time and was not over then."""
        return self.start.at_ms <= at_ms and (self.end_ms is None or self.end_ms > at_ms)


@dataclass(frozen=True)
class MeasuredEntry:
    """How one true entry was told. ``None``: not at all. Times in seconds.

    ``delay_s`` is from the entry to the first message of a violation, ``confirm_s`` to the one that
    confirms it, ``lead_s`` from the first warning to the entry; ``deep`` holds whether the naive
    detector's report was more than three sigma deep, and if so whether it was confirmed as soon.
    """

    sigmas: float
    delay_s: float | None
    confirm_s: float | None
    lead_s: float | None
    deep: bool = False
    deep_in_time: bool = False


@dataclass(frozen=True)
class Measured:
    """One track and one detector.

    ``violations`` and ``confirmed`` are spells, ``early`` those that began three sigma outside and
    more, before the object had been inside; ``threats`` are those that no entry followed,
    ``baseless`` those among them when the object's true course did not lead over the border.
    """

    result: Result
    violations: int
    confirmed: int
    flaps: int
    early: int
    threats: int
    baseless: int
    entry: MeasuredEntry | None = None


def measure_engine(result: Result) -> Measured:
    """Measure what the engine said of a track."""
    return _measure(result, result.engine)


def measure_naive(result: Result) -> Measured:
    """Measure what the naive detector said of a track."""
    return _measure(result, result.naive)


def spells(said: Sequence[Said], *, threats: bool = False) -> list[Spell]:
    """Return the violations that were told of, in order; with ``threats``, all warnings."""
    begins = (*_VIOLATIONS, "threat") if threats else _VIOLATIONS
    ordered: list[Spell] = []
    for statement in said:
        standing = bool(ordered) and ordered[-1].end_ms is None
        if statement.state in begins and not standing:
            ordered.append(Spell(statement))
            standing = True
        if statement.state == "violation" and standing and ordered[-1].confirmed is None:
            ordered[-1].confirmed = statement
        if statement.state in _OVER and standing:
            ordered[-1].end_ms = statement.at_ms
    return ordered


def _measure(result: Result, said: Sequence[Said]) -> Measured:
    violations = spells(said)
    warnings = spells(said, threats=True)
    idle = [warning for warning in warnings if _is_idle(result, warning)]
    outside_m, first_ms = -SIGMAS * result.batch.sigma_m, min(result.entries_ms, default=inf)
    return Measured(
        result=result,
        violations=len(violations),
        confirmed=sum(spell.confirmed is not None for spell in violations),
        # Coming back is news only if the object did, and each entry may be told once.
        flaps=max(0, len(violations) - max(1, len(result.entries_ms))),
        early=sum(
            spell.start.true_depth_m <= outside_m and spell.start.at_ms < first_ms
            for spell in violations
        ),
        threats=len(idle),
        baseless=sum(not warning.start.headed_in for warning in idle),
        entry=_entry(result, violations, warnings) if result.entries_ms else None,
    )


def _entry(result: Result, violations: list[Spell], warnings: list[Spell]) -> MeasuredEntry:
    at_ms = result.entries_ms[0]
    spell, warning = _about(violations, at_ms), _about(warnings, at_ms)
    confirmed = spell.confirmed if spell else None
    plain = _about(spells(result.naive), at_ms)
    deep_m = SIGMAS * result.batch.sigma_m
    deep = plain is not None and plain.start.at_ms > at_ms and _is_deep(plain.start, deep_m)
    return MeasuredEntry(
        sigmas=result.sigmas_inside,
        delay_s=(spell.start.at_ms - at_ms) / 1_000.0 if spell else None,
        confirm_s=(confirmed.at_ms - at_ms) / 1_000.0 if confirmed else None,
        lead_s=(at_ms - warning.start.at_ms) / 1_000.0 if warning else None,
        deep=deep,
        deep_in_time=deep
        and confirmed is not None
        and plain is not None
        and confirmed.at_ms <= plain.start.at_ms,
    )


def _is_deep(said: Said, deep_m: float) -> bool:
    """Tell whether a report was deep inside, and not only a stray that happened to fall there."""
    stray_m = abs(said.seen_depth_m - said.true_depth_m)
    return said.seen_depth_m > deep_m and stray_m <= _STRAY_SIGMAS / SIGMAS * deep_m


def _about(ordered: Sequence[Spell], at_ms: float) -> Spell | None:
    """Return the spell that stands at a time, or the first that begins after it."""
    for spell in ordered:
        if spell.stands_at(at_ms) or spell.start.at_ms > at_ms:
            return spell
    return None


def _is_idle(result: Result, warning: Spell) -> bool:
    """Tell whether a warning began as a threat, and the object was outside until it was over."""
    end_ms = inf if warning.end_ms is None else warning.end_ms
    exits_ms = (*result.exits_ms, inf)
    inside = any(
        entry_ms <= end_ms and exit_ms >= warning.start.at_ms
        for entry_ms, exit_ms in zip(result.entries_ms, exits_ms, strict=False)
    )
    return warning.start.state == "threat" and not inside
