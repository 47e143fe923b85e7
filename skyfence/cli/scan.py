"""``skyfence scan``: the engine alone, without Kafka and Redis.

recording ──▶ lines ──▶ items ──▶ frames ──▶ engine ──▶ alerts, states of places or crossings
"""

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import click

from skyfence.adapters.files import load_catalogue, load_policy, load_zones
from skyfence.adapters.settings import added_zones
from skyfence.cli.recording import Recording, checked_run, counted
from skyfence.cli.zone_options import add_zones_option
from skyfence.contracts.place_change import PlaceChange
from skyfence.engine import Engine, EngineResult
from skyfence.errors import InputError, UsageError
from skyfence.frames.packing import FRAME_REPORTS, Packer, play


@dataclass
class _Tally:
    late: int = 0
    left_out: int = 0
    crossings: int = 0
    alerts: int = 0
    place_alerts: int = 0
    sources: set[str] = field(default_factory=set)


@click.command()
@click.argument("recording")
@click.option("--zones", type=click.Path(path_type=Path), help="Zones instead of all default ones.")
@click.option(
    "--regions", type=click.Path(path_type=Path), help="Regions instead of the default ones."
)
@add_zones_option
@click.option("--policy", type=click.Path(path_type=Path), help="Policy instead of the default.")
@click.option("--crossings", is_flag=True, help="Write crossings instead of alerts.")
@click.option("--places", is_flag=True, help="Write each change of a place's state instead.")
@click.option("--strict", is_flag=True, help="Exit 1 if a line is no report.")
@click.option("--run", default="scan", show_default=True, help="The run, part of identifiers.")
def scan(
    recording: str,
    zones: Path | None,
    regions: Path | None,
    policy: Path | None,
    crossings: bool,
    places: bool,
    strict: bool,
    run: str,
) -> int:
    """Judge RECORDING (JSON lines of reports; .gz, .zst or - too) and write what follows.

    Alerts, states of places or crossings go to standard output as JSON lines; a summary to standard
    error.
    """
    if crossings and places:
        raise UsageError("--crossings and --places: choose one of them")
    run = checked_run(run)
    tally = _Tally()
    source = Recording(recording)
    lines = source.reports()
    first = next(lines, None)  # before the zones, which take a few seconds
    known = load_zones(zones, regions, added_zones())
    engine = Engine(known, load_catalogue().english.operators, policy=load_policy(policy, known))
    reports = chain([] if first is None else [first], lines)
    # From a pipe somebody may be waiting for each line; the same is told of a file's larger frames.
    packer = Packer(run, frame_reports=1 if recording == "-" else FRAME_REPORTS)
    for frame in (frame for item in play(reports) for frame in packer.add(item)):
        tally.sources.add(frame.source)
        outcome = engine.process(frame)
        tally.late += outcome.late
        tally.left_out += outcome.left_out
        tally.crossings += len(outcome.crossings)
        tally.alerts += len(outcome.alerts)
        tally.place_alerts += len(outcome.place_alerts)
        for line in _lines(outcome, crossings=crossings, places=places):
            click.echo(line)
    _summarize(source, tally, engine)
    if strict and source.bad_lines:
        raise InputError(f"{recording}: {source.bad_lines} of its lines are no reports")
    if 2 * tally.late > source.read:  # else all that flies in it would be silence
        raise InputError(
            f"{recording}: {tally.late} of its {counted(source.read, 'report')} come after later "
            "ones of their source; sort it by time"
        )
    return 0


def _lines(outcome: EngineResult, *, crossings: bool, places: bool) -> list[bytes]:
    if places:
        return [PlaceChange.of(alert).to_line() for alert in outcome.place_alerts]
    messages = outcome.crossings if crossings else outcome.messages
    return [message.to_json() for message in messages]


def _summarize(recording: Recording, tally: _Tally, engine: Engine) -> None:
    fields = recording.fields_left_out
    left_out = f"{counted(fields, 'field')} left out, " if fields else ""
    if tally.left_out:
        left_out += f"{counted(tally.left_out, 'report')} left out, "
    click.echo(
        f"{counted(recording.read, 'report')} of {counted(len(tally.sources), 'source')}, "
        f"{counted(recording.bad_lines, 'bad line')}, "
        f"{left_out}{tally.late} late; "
        f"{counted(tally.crossings, 'crossing')}, {counted(tally.alerts, 'alert')}, "
        f"{counted(tally.place_alerts, 'message')} of places, "
        f"{counted(len(engine.open_incidents), 'incident')} open",
        err=True,
    )
    for incident in engine.open_incidents:
        click.echo(
            f"open: {incident.lead_key.name}, {incident.state}, {', '.join(incident.steps)}",
            err=True,
        )
    if not engine.protects:
        click.echo("no zone is a member's (nato: true): no alerts can follow", err=True)
