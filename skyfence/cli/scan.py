"""``skyfence scan``: the engine alone, without Kafka and Redis.

recording ──▶ lines ──▶ items ──▶ frames ──▶ engine ──▶ alerts or crossings, JSON lines
"""

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import click

from skyfence.adapters.files import load_catalogue, load_policy, load_zones
from skyfence.cli.recording import Recording, checked_run, counted
from skyfence.engine import Engine
from skyfence.errors import InputError
from skyfence.frames.packing import FRAME_REPORTS, Packer, play


@dataclass
class _Tally:
    late: int = 0
    crossings: int = 0
    alerts: int = 0
    sources: set[str] = field(default_factory=set)


@click.command()
@click.argument("recording")
@click.option("--zones", type=click.Path(path_type=Path), help="Zones instead of all default ones.")
@click.option(
    "--regions", type=click.Path(path_type=Path), help="Regions instead of the default ones."
)
@click.option("--policy", type=click.Path(path_type=Path), help="Policy instead of the default.")
@click.option("--crossings", is_flag=True, help="Write crossings instead of alerts.")
@click.option("--strict", is_flag=True, help="Exit 1 if a line is no report.")
@click.option("--run", default="scan", show_default=True, help="The run, part of identifiers.")
def scan(
    recording: str,
    zones: Path | None,
    regions: Path | None,
    policy: Path | None,
    crossings: bool,
    strict: bool,
    run: str,
) -> int:
    """Judge RECORDING (JSON lines of reports; .gz, .zst or - too) and write what follows.

    Alerts, or crossings, go to standard output as JSON lines; a summary to standard error.
    """
    run = checked_run(run)
    tally = _Tally()
    source = Recording(recording)
    lines = source.reports()
    first = next(lines, None)  # before the zones, which take a few seconds
    engine = Engine(
        load_zones(zones, regions), load_catalogue().english.operators, policy=load_policy(policy)
    )
    reports = chain([] if first is None else [first], lines)
    # From a pipe somebody may be waiting for each line; a file is read in large frames.
    packer = Packer(run, frame_reports=1 if recording == "-" else FRAME_REPORTS)
    for frame in (frame for item in play(reports) for frame in packer.add(item)):
        tally.sources.add(frame.source)
        outcome = engine.process(frame)
        tally.late += outcome.late
        tally.crossings += len(outcome.crossings)
        tally.alerts += len(outcome.alerts)
        for message in outcome.crossings if crossings else outcome.alerts:
            click.echo(message.to_json())
    _summarize(source, tally, engine)
    if strict and source.bad_lines:
        raise InputError(f"{recording}: {source.bad_lines} of its lines are no reports")
    return 0


def _summarize(recording: Recording, tally: _Tally, engine: Engine) -> None:
    click.echo(
        f"{counted(recording.read, 'report')} of {counted(len(tally.sources), 'source')}, "
        f"{counted(recording.bad_lines, 'bad line')}, {tally.late} late; "
        f"{counted(tally.crossings, 'crossing')}, {counted(tally.alerts, 'alert')}, "
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
