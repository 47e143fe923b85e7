"""Measures a track's result: missed, nuisance, flap, late or early.

The same rules for both detectors. A *spell* is a time in which a track stands as a violation, from
its first message to ``exited`` or ``closed``; ``lost`` does not end it. A *warning* is a spell that
begins with a threat already. An entry is measured against the spell (or warning) that stands when
it happens, or else the first after it: a spell that ended before the entry was no help.

Does not sum up over tracks (``figures``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from skyfence.score.trial import Result, Statement

# An object this deep inside must be detected; noise may hide a shallower one. In sigma of a report.
SIGMAS: Final = 3.0
# A report this far off its object is an outlier, not measurement noise.
_STRAY_SIGMAS: Final = 6.0
_VIOLATIONS: Final = ("possible", "violation")
_OVER: Final = ("exited", "closed")


@dataclass
class Spell:
    """A time in which a track was stated to be inside (or, of a warning, to be coming)."""

    start: Statement
    confirmed: Statement | None = None
    end_ms: float | None = None

    def stands_at(self, at_ms: float) -> bool:
        """Tell whether it had begun at a time and was not over (milliseconds since 1970)."""
        return self.start.at_ms <= at_ms and (self.end_ms is None or self.end_ms > at_ms)


@dataclass(frozen=True)
class MeasuredEntry:
    """How a true entry was told, times in seconds; None where it was not told at all.

    ``sigmas`` is how deep the object was seen. ``delay_s`` is the time from the entry to the first
    message of a violation, ``confirm_s`` to the message that confirms it, ``lead_s`` from the first
    warning to the entry. ``deep``: the naive detector's report was more than three sigma deep;
    ``deep_in_time``: and the engine had confirmed the violation by then.
    """

    sigmas: float
    delay_s: float | None
    confirm_s: float | None
    lead_s: float | None
    deep: bool = False
    deep_in_time: bool = False


@dataclass(frozen=True)
class Measured:
    """A track as a detector judged it: counts, and its first entry.

    ``violations`` and ``confirmed`` count spells; ``early`` those that began at least three sigma
    outside, before the object had been inside. ``threats`` counts threats that no entry followed,
    ``baseless`` those among them whose object's true course did not lead over the border.
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


def spells(statements: Sequence[Statement], *, threats: bool = False) -> list[Spell]:
    """Return the spells of violation among statements, in order; with ``threats``, the warnings."""
    begins = (*_VIOLATIONS, "threat") if threats else _VIOLATIONS
    spells_so_far: list[Spell] = []
    for statement in statements:
        standing = bool(spells_so_far) and spells_so_far[-1].end_ms is None
        if statement.state in begins and not standing:
            spells_so_far.append(Spell(statement))
            standing = True
        if statement.state == "violation" and standing and spells_so_far[-1].confirmed is None:
            spells_so_far[-1].confirmed = statement
        if statement.state in _OVER and standing:
            spells_so_far[-1].end_ms = statement.at_ms
    return spells_so_far


def _measure(result: Result, statements: Sequence[Statement]) -> Measured:
    violations = spells(statements)
    warnings = spells(statements, threats=True)
    idle = [warning for warning in warnings if _is_idle(result, warning)]
    outside_m, first_ms = -SIGMAS * result.batch.sigma_m, min(result.entries_ms, default=inf)
    return Measured(
        result=result,
        violations=len(violations),
        confirmed=sum(spell.confirmed is not None for spell in violations),
        # A further spell is a flap, unless the object truly entered again.
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
    spell, warning = _spell_of(violations, at_ms), _spell_of(warnings, at_ms)
    confirmed = spell.confirmed if spell else None
    plain = _spell_of(spells(result.naive), at_ms)
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


def _is_deep(statement: Statement, deep_m: float) -> bool:
    """Tell whether a report was deep inside, and was no outlier that happened to fall there."""
    stray_m = abs(statement.seen_depth_m - statement.true_depth_m)
    return statement.seen_depth_m > deep_m and stray_m <= _STRAY_SIGMAS / SIGMAS * deep_m


def _spell_of(ordered_spells: Sequence[Spell], at_ms: float) -> Spell | None:
    """Return the spell that stands at a time, or the first that begins after it."""
    for spell in ordered_spells:
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
