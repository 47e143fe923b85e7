"""The policy: everything that an authority may set about judgement, in one readable file.

    policy file (TOML) ──▶ ``reading`` ──▶ PolicyFile ──▶ Policy ──▶ the rule that keeps an alert
                                                                     back, or None

Unknown is alertable: people are told of everything except what a permit covers and, where the file
says so, identified civil flights. An emergency code always alerts.

Does not read files (``adapters.files``). Numbers that follow from physics and measurement, which no
authority sets, are in ``parameters``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from skyfence.contracts.base import Contract, SourceName
from skyfence.contracts.crossing import ObjectInfo
from skyfence.policy.civil import Civil, Inside, implausible, not_civil
from skyfence.policy.holding import Hold, Lost
from skyfence.policy.permit import (
    AIRLINE_LETTERS,
    EMERGENCY_CODES,
    Permit,
    PermitName,
    plain_callsign,
)
from skyfence.policy.source_rules import SourceRules, ZoneId

# What ``suppressed_by`` names for an identified civil flight; no permit may have the name.
CIVIL: Final = "civil"
# Permits without a sign (see ``Permit.signs``) are filed under this; no sign is empty.
_ANY_SIGN: Final = ""
# The key in ``look_ahead_s`` for kinds that are not named there.
_OTHER_KINDS: Final = "default"

# More than an hour ahead a forecast says nothing of a drone. 0 switches warnings off.
LookAhead = Annotated[float, Field(strict=True, ge=0, le=3_600, allow_inf_nan=False)]
ZoneKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


def _is_a_list(value: object) -> object:
    if isinstance(value, dict):
        raise ValueError("write [[permit]], in double brackets")  # noqa: TRY004
    return value


_NO_SOURCE: Final = SourceRules()


class PublicRules(Contract):
    """Whether a region's public is told at once, or an operator decides first, and until when.

    With ``release-shelter`` a message that is not decided on by its deadline is released if it says
    to take shelter, and withdrawn otherwise.
    """

    mode: Literal["automatic", "held"] = "held"
    deadline_s: Annotated[float, Field(strict=True, gt=0, le=3_600, allow_inf_nan=False)] = 120.0
    after_deadline: Literal["release", "withdraw", "release-shelter"] = "release-shelter"


class Public(PublicRules):
    """The rules of all regions; ``regions`` overrides single values for those it names."""

    regions: dict[ZoneId, PublicRules] = Field(default_factory=dict)


class ZoneRules(Contract):
    """Whether a flight into a zone of a kind of one's own alerts, and an identified one, too."""

    alerts: Literal["enter", "none"] = "enter"
    identified: Literal["no-alert", "alert"] = "no-alert"


_NO_ZONE_RULES: Final = ZoneRules()


class PolicyFile(Contract):
    """A policy as its file writes it; a section that is left out has these values.

    A zone kind that ``look_ahead_s`` does not name has its ``default``, which is 300 if left out.
    """

    version: PermitName
    look_ahead_s: dict[ZoneKind, LookAhead] = Field(
        default_factory=lambda: {"country": 300.0, "region": 1_800.0, _OTHER_KINDS: 300.0}
    )
    sources: dict[SourceName, SourceRules] = Field(default_factory=dict)
    civil: Civil = Civil()
    inside: Inside = Inside()
    hold: Hold = Hold()
    lost: Lost = Lost()
    public: Public = Public()
    zones: dict[ZoneKind, ZoneRules] = Field(default_factory=dict)
    permit: Annotated[tuple[Permit, ...], BeforeValidator(_is_a_list)] = ()


# The same as ``default_policy.toml``, for callers that do not read files.
DEFAULT: Final = PolicyFile(version="default-1")


@dataclass(frozen=True)
class Policy:
    """The judgements that a policy file stands for."""

    file: PolicyFile = DEFAULT

    def suppressed_by(self, known: ObjectInfo, time_ms: int, lon: float, lat: float) -> str | None:
        """Return the rule that keeps an alert back of an object that sends this, or None.

        For a report by itself: what is known of its track may say otherwise, see ``rule_for``.
        """
        is_civil = not_civil(known) is None and implausible(known, self.civil) is None
        emergency = known.mode_3a in EMERGENCY_CODES
        return None if emergency else self.rule_for(known, time_ms, lon, lat, identified=is_civil)

    def rule_for(
        self, known: ObjectInfo, time_ms: int, lon: float, lat: float, *, identified: bool
    ) -> str | None:
        """Return the rule that keeps an object's alert back, or None where it is alertable.

        The rule is a permit's name, or ``CIVIL`` for a civil flight that is ``identified``. Of
        several permits that cover the object, one by ICAO address goes before one by callsign, by
        mode 3/A code and by anything else; among equals the first in the file. The time is
        milliseconds since 1970, the place degrees. Precondition: it is in no emergency.
        """
        if self._permits:
            for permit in self._candidates(known):
                if permit.unmet(known, time_ms, lon, lat) is None:
                    return permit.name
        return CIVIL if identified and self._civil_is_quiet else None

    @property
    def civil(self) -> Civil:
        """Return the rules for civil flights."""
        return self.file.civil

    @property
    def hold(self) -> Hold:
        """Return how long episodes are held."""
        return self.file.hold

    @property
    def lost(self) -> Lost:
        """Return how long a lost object's regions are warned."""
        return self.file.lost

    @property
    def inside(self) -> Inside:
        """Return the rules for what is first seen inside."""
        return self.file.inside

    @property
    def version(self) -> str:
        """Return the policy's version, as alerts and logs name it."""
        return self.file.version

    def look_ahead_s(self, kind: str) -> float:
        """Return how early to warn before a zone of this kind, seconds; 0 means never."""
        return self.file.look_ahead_s.get(kind, self._default_look_ahead_s)

    def zone_rules(self, kind: str) -> ZoneRules:
        """Return the rules for zones of a kind other than country and region."""
        return self.file.zones.get(kind, _NO_ZONE_RULES)

    def lateness_ms(self, source: str) -> int:
        """Return how late a source's reports may come out of order, milliseconds."""
        return self.file.sources.get(source, _NO_SOURCE).lateness_ms

    def silent_after_s(self, source: str) -> float:
        """Return after how long a source's silence is alarming, seconds."""
        return self.file.sources.get(source, _NO_SOURCE).silent_after_s

    def rules_of(self, source: str) -> SourceRules:
        """Return the rules of a source, those of any other where the file does not name it."""
        return self.file.sources.get(source, _NO_SOURCE)

    def is_registered(self, source: str) -> bool:
        """Tell whether a source is known; where the file names none, all are."""
        return not self.file.sources or source in self.file.sources

    @property
    def signing_sources(self) -> tuple[str, ...]:
        """Return the sources whose messages must be signed."""
        return tuple(name for name, rules in self.file.sources.items() if rules.requires_signature)

    @property
    def biases(self) -> dict[str, tuple[float, float]]:
        """Return how far east and north of the truth sources' reports lie, metres, where set."""
        return {
            source: (rules.bias_east_m, rules.bias_north_m)
            for source, rules in self.file.sources.items()
            if rules.bias_east_m or rules.bias_north_m
        }

    def watches(self, source: str) -> tuple[str, ...] | None:
        """Return the places whose operators hear of a source's silence, None for all members."""
        return self.file.sources.get(source, _NO_SOURCE).watches

    def public_rules(self, region: str) -> PublicRules:
        """Return a region's rules for its public: its own values, and the others' for the rest."""
        rules = self.file.public
        own = rules.regions.get(region)
        given = {} if own is None else own.model_dump(exclude_unset=True)
        return rules.model_copy(update=given)

    def _candidates(self, known: ObjectInfo) -> Iterator[Permit]:
        callsign = plain_callsign(known.callsign)
        airline = callsign[:AIRLINE_LETTERS]
        for sign in (known.icao_address, callsign, airline, known.mode_3a):
            if sign:
                yield from self._permits.get(sign, ())
        yield from self._permits.get(_ANY_SIGN, ())

    @cached_property
    def _permits(self) -> dict[str, list[Permit]]:
        """The permits by their signs, so that only few need be asked about an object."""
        permits: dict[str, list[Permit]] = {}
        for permit in self.file.permit:
            for sign in permit.signs or {_ANY_SIGN}:
                permits.setdefault(sign, []).append(permit)
        return permits

    @cached_property
    def _civil_is_quiet(self) -> bool:
        return self.file.civil.identified == "no-alert"

    @cached_property
    def _default_look_ahead_s(self) -> float:
        return self.file.look_ahead_s.get(_OTHER_KINDS, 300.0)
