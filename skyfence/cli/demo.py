"""``skyfence demo``: two real incidents through the whole pipeline, on this machine.

recordings ──▶ publisher ──▶ Kafka ──▶ worker ──▶ Kafka ──▶ relay ──▶ Valkey ──▶ this screen
(this process)               (one process each, stopped at the end)
"""

import asyncio
import heapq
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from producers.publisher import Publisher
from producers.replay import Replay
from skyfence.adapters.files import default_file
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings, added_zones
from skyfence.adapters.topics import ensure_topics
from skyfence.cli import view
from skyfence.cli.local import signals
from skyfence.cli.local.stack import edges, servers
from skyfence.cli.places import ALL, channels_of
from skyfence.cli.recording import Recording, counted
from skyfence.cli.zone_options import add_zones_option
from skyfence.client.feed import AlertFeed, Received
from skyfence.contracts.alert import Alert
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.contracts.report import Report
from skyfence.errors import UnavailableError
from skyfence.frames.packing import SourceItem, play, time_of
from skyfence.naming import Environment

RECORDINGS: Final = ("latvia-2024-09-07.jsonl", "romania-2024-09-08.jsonl")
SPEED: Final = 200.0  # an hour of event time in 18 s
_EDGES: Final = ("worker", "relay")  # it ends before any silence would be an alarm
_LONGEST_S: Final = 180.0  # for the pipeline to finish after the last report


@dataclass
class _Seen:
    """What the demo counts: what went in, and what a subscriber received."""

    reports: int = 0
    crossings: int = 0
    rejected: int = 0
    alerts: list[Alert] = field(default_factory=list)

    @property
    def open_incidents(self) -> list[Alert]:
        """Return the last word on each incident that was not closed."""
        single = [alert for alert in self.alerts if alert.event == "airspace violation"]
        last: dict[UUID, Alert] = {alert.incident_id: alert for alert in single}
        return [alert for alert in last.values() if alert.incident_state != "closed"]


@click.command()
@add_zones_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line.")
@click.option("--speed", default=SPEED, show_default=True, help="Times as fast as life.")
def demo(as_json: bool, speed: float) -> None:
    """Replay two incidents through Kafka, Faust and Redis and show the alerts."""
    if speed <= 0:
        raise click.BadParameter("must be more than 0", param_hint="--speed")
    console = view.console(stderr=as_json)
    seen = _Seen()
    signals.run(_demo(console, seen, speed))
    _summarize(console, seen)
    if as_json:
        click.echo(json.dumps(_counts(seen)))


async def _demo(console: Console, seen: _Seen, speed: float) -> None:
    console.print("starting an embedded Kafka broker, Valkey, a Faust worker and a relay ...")
    with tempfile.TemporaryDirectory(prefix="skyfence-demo-") as folder:
        log = Path(folder) / "processes.log"
        try:
            with log.open("wb") as output:
                asked = Settings.model_construct(
                    _fields_set=set(),
                    environment=Environment.EXERCISE,
                    add_zones=added_zones(),
                )
                async with servers(asked, Path(folder), output) as (settings, _):
                    await ensure_topics(settings)
                    async with edges(settings, [settings.environment], output, _EDGES):
                        await _play(console, settings, seen, speed)
        except UnavailableError:
            console.print(log.read_text(errors="replace")[-4000:], style="dim")
            raise


async def _play(console: Console, settings: Settings, seen: _Seen, speed: float) -> None:
    async with AlertFeed(settings, channels_of(settings, [ALL])) as feed:
        view.banner(console)
        console.print(view.header())
        listening = asyncio.create_task(_listen(console, feed, seen))
        try:
            await _publish(console, settings, seen, speed)
            await _finish(settings, seen)
            await feed.settle()
        finally:
            listening.cancel()


async def _listen(console: Console, feed: AlertFeed, seen: _Seen) -> None:
    async for event in feed:
        if not isinstance(event, Received):
            continue
        if isinstance(event.message, OperatorsMessage) and isinstance(event.message.alert, Alert):
            seen.alerts.append(event.message.alert)
        console.print(view.line(event.message, event.channel.place))


async def _publish(console: Console, settings: Settings, seen: _Seen, speed: float) -> None:
    played = [
        list(play(Recording(str(default_file("recordings", name))).reports()))
        for name in RECORDINGS
    ]
    items = list(heapq.merge(*played, key=time_of))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replaying", total=len(items))

        def sent(batch: Sequence[SourceItem]) -> None:
            seen.reports += sum(isinstance(item, Report) for item in batch)
            bar.update(task, advance=len(batch))

        run = f"demo-{uuid4().hex[:12]}"
        async with Publisher(settings, run) as publisher:
            await publisher.publish(Replay(items, speed), sent)
        bar.update(task, description="waiting for the last alerts")


async def _finish(settings: Settings, seen: _Seen) -> None:
    """Wait until every report has been judged and every alert delivered; count what is stored."""
    topics = settings.topics
    async with GroupProgress(settings) as progress:
        try:
            async with asyncio.timeout(_LONGEST_S):
                await progress.drained()
        except TimeoutError:
            raise UnavailableError(
                f"the pipeline did not finish within {_LONGEST_S:.0f} s: see its output above"
            ) from None
        seen.crossings = await progress.stored(topics.crossings)
        seen.rejected = await progress.stored(topics.rejected)


def _counts(seen: _Seen) -> dict[str, object]:
    channels = Counter(alert.channel for alert in seen.alerts)
    return {
        "reports": seen.reports,
        "rejected": seen.rejected,
        "crossings": seen.crossings,
        "alerts": len(seen.alerts),
        "alerts_per_channel": dict(sorted(channels.items())),
        "incidents_open": [str(alert.incident_id) for alert in seen.open_incidents],
    }


def _summarize(console: Console, seen: _Seen) -> None:
    console.print(view.channels_table(seen.alerts))
    console.print(
        f"{counted(seen.reports, 'report')}, {seen.rejected} rejected; "
        f"{counted(seen.crossings, 'crossing')}; {counted(len(seen.alerts), 'alert')}; "
        f"{counted(len(seen.open_incidents), 'incident')} left open"
    )
    for alert in seen.open_incidents:
        console.print(
            f"left open: {alert.track_id} of {alert.source}, {alert.incident_state} at "
            f"{alert.lat:.4f} {alert.lon:.4f} ({', '.join(alert.regions)}): "
            "it stays until an operator closes it or six hours of watching have passed"
        )
