"""``skyfence policy``: what a policy file says, in plain words, and what is wrong with it.

file ──▶ findings (standard error, exit 1)
     └─▶ what it says, and what it would say of one report (standard output)
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
from pydantic import ValidationError

from skyfence.adapters.files import policy_text, zones_of
from skyfence.adapters.settings import load
from skyfence.cli.zone_options import add_zones_option
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.crossing import ObjectInfo
from skyfence.contracts.report import Report
from skyfence.errors import InputError
from skyfence.policy.civil import implausible, not_civil
from skyfence.policy.permit import EMERGENCY_CODES, Corridor, Permit
from skyfence.policy.places import named_places, unknown_places
from skyfence.policy.policy import CIVIL, Policy, PublicRules
from skyfence.policy.reading import check_policy, parse_policy
from skyfence.times import format_time, parse_time, to_ms

# An exception for longer is a rule, and nobody remembers why. Leap years included.
_LONG: Final = timedelta(days=366)


@click.group()
def policy() -> None:
    """Who is no alert, how early to warn: what an authority has set."""


@policy.command()
@add_zones_option
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--at", metavar="TIME", help="Say which permits are in force then (RFC 3339).")
@click.option("--report", "given", metavar="JSON", help="Say which rule would hold this one back.")
def check(file: Path | None, at: str | None, given: str | None) -> int:
    """Say what FILE sets, or all that is wrong with it, one line each.

    Without FILE: the one that SKYFENCE_POLICY names, or else the default policy. Places that it
    names must be among the zones that the processes would judge by.
    """
    when = None if at is None else _time(at)
    report = None if given is None else _report(given)
    text, where = policy_text(file or load().policy)
    findings = check_policy(text, where)
    if not findings and named_places(text):  # zones take seconds to read
        zones = zones_of(load())
        findings = unknown_places(text, where, zones.places, zones.names)
    for finding in findings:
        click.echo(f"skyfence: {finding}", err=True)
    if findings:
        return 1
    parsed = parse_policy(text, where)
    click.echo(f"policy {parsed.version} of {where}")
    for line in _describe(parsed, when):
        click.echo(line)
    for warning in _warnings(parsed, when):
        click.echo(f"{where}: warning: {warning}", err=True)
    for line in _describe_for(parsed, report) if report else ():
        click.echo(line)
    return 0


def _time(given: str) -> datetime:
    try:
        return parse_time(given)
    except ValueError as error:
        raise click.BadParameter(f"{error}, got {given!r}", param_hint="--at") from None


def _report(given: str) -> Report:
    try:
        return Report.model_validate_json(given)
    except ValidationError as error:
        raise InputError(f"--report: {describe_validation_error(error)}") from None


def _describe(policy: Policy, when: datetime | None) -> Iterator[str]:
    file = policy.file
    warned = {kind: policy.look_ahead_s(kind) for kind in file.look_ahead_s if kind != "default"}
    warned["any other kind"] = policy.look_ahead_s("default")
    for kind, seconds in warned.items():
        yield f"zones of {kind}: " + (f"warned {_span(seconds)} ahead" if seconds else "not warned")
    for name, source in file.sources.items():
        members = "all members" if source.watches is None else ", ".join(source.watches) or "nobody"
        yield (
            f"source {name}: reports may be {source.lateness_ms} ms late, "
            f"silent for {_span(source.silent_after_s)}: alarm to the alliance and {members}"
        )
    yield f"identified civil flights: {file.civil.identified.replace('-', ' ')}"
    civil, inside = file.civil, file.inside
    yield (
        f"    from outside, if at least {civil.least_speed_mps:g} m/s fast or "
        f"{civil.least_height_m:g} m high; for {_span(civil.holds_s)} without a callsign"
    )
    yield f"emergency codes {', '.join(sorted(EMERGENCY_CODES))}: alert, whoever it is"
    told = "its nation, quietly" if inside.private_flights == "nation" else "everybody"
    yield (
        f"first seen inside, {inside.near_border_m:g} m or more from the outer border, "
        f"perhaps a private flight: told to {told}"
    )
    for kind, zone in file.zones.items():
        flights = "every flight" if zone.identified == "alert" else "what is not identified"
        told = f"told of {flights} that enters" if zone.alerts == "enter" else "told nothing"
        yield f"zones of {kind}: {told}"
    yield f"the public of a region: {_public(file.public)}"
    for region in file.public.regions:
        yield f"the public of {region}: {_public(policy.public_rules(region))}"
    for number, permit in enumerate(file.permit, 1):
        yield f'permit {number} "{permit.name}": {_period(permit, when)}'
        for rule in permit.schedule or ():
            yield f"    holds: {rule}"
        yield f"    reason: {permit.reason}"
        yield f"    covers: {_covers(permit)}"
    if not file.permit:
        yield "no permits"


def _public(rules: PublicRules) -> str:
    if rules.mode == "automatic":
        return "told at once"
    undecided = {
        "release": "is told",
        "withdraw": "is not told",
        "release-shelter": "is told to take shelter, and nothing else",
    }[rules.after_deadline]
    span = _span(rules.deadline_s)
    return f"an operator decides; {undecided} where nobody has after {span}"


def _span(seconds: float) -> str:
    return f"{seconds:g} s" if seconds % 60 else f"{seconds / 60:g} min"


def _period(permit: Permit, when: datetime | None) -> str:
    begins = "" if permit.begins is None else f"from {format_time(permit.begins)} "
    period = f"{begins}until {format_time(permit.expires)}"
    if when is None:
        return period
    if when >= permit.expires:
        return f"{period}, expired"
    waits = permit.begins is not None and when < permit.begins
    return f"{period}, {'not in force yet' if waits else 'in force'}"


def _covers(permit: Permit) -> str:
    """Say what an object must be, have and do, all of it."""
    lists = {
        "ICAO address": permit.icao_addresses,
        "callsign": permit.callsigns,
        "mode 3/A": permit.mode_3a,
    }
    named = [f"{field} {' or '.join(values)}" for field, values in lists.items() if values]
    if permit.corridor is not None:
        named.append(_within(permit.corridor))
    return "; ".join(named)


def _within(corridor: Corridor) -> str:
    lons, lats = zip(*corridor.polygon, strict=True)
    return (
        f"{corridor.floor_m:g} to {corridor.ceiling_m:g} m {corridor.vertical_ref} in a corridor "
        f"between longitude {min(lons):g} and {max(lons):g}, latitude {min(lats):g} and "
        f"{max(lats):g}"
    )


def _warnings(policy: Policy, when: datetime | None) -> Iterator[str]:
    for number, permit in enumerate(policy.file.permit, 1):
        starts = [start for start in (permit.begins, when) if start is not None]
        if starts and permit.expires - min(starts) > _LONG:
            yield (
                f'permit {number} ("{permit.name}"): expires {format_time(permit.expires)}, '
                f"more than a year after {format_time(min(starts))}"
            )


def _describe_for(policy: Policy, report: Report) -> Iterator[str]:
    """Say what the policy would do with a report, and why."""
    known = ObjectInfo.model_validate(report.model_dump(include=set(ObjectInfo.model_fields)))
    seen = (known, to_ms(report.time), report.lon, report.lat)
    rule = policy.suppressed_by(*seen)
    if rule == CIVIL:
        yield "the report: no alert, it is an identified civil flight"
    elif rule is not None:
        (permit,) = (candidate for candidate in policy.file.permit if candidate.name == rule)
        yield f'the report: no alert, permit "{rule}" covers it: {_covers(permit)}'
    elif known.mode_3a in EMERGENCY_CODES:
        yield f"the report: alert, {known.mode_3a} is an emergency code"
    else:
        yield "the report: alert, no rule holds it back"
        for permit in policy.file.permit:
            yield f'    permit "{permit.name}": {permit.unmet(*seen)}'
        reason = not_civil(known) or implausible(known, policy.civil)
        yield f"    civil: {reason or 'the policy alerts of identified civil flights'}"
