"""``skyfence replay``: a recording through the running pipeline."""

import math
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from producers.publisher import Publisher
from producers.replay import Replay
from skyfence.adapters import metrics
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli import view
from skyfence.cli.local import runtime_file, signals
from skyfence.cli.recording import Recording, checked_run, counted
from skyfence.errors import InputError
from skyfence.frames.packing import SourceItem, play, time_of
from skyfence.naming import Environment
from skyfence.times import format_time, from_ms

# Words that nobody types by accident: a replay is an exercise unless told otherwise with them.
ACTUAL_WORDS: Final = "this is not an exercise"


class Speed(click.ParamType):
    """Times as fast as life, or ``max``."""

    name = "N|max"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Turn the text into a factor; ``max`` is infinity."""
        try:
            speed = math.inf if value == "max" else float(value)
        except ValueError:
            speed = math.nan
        if not speed > 0 or (math.isinf(speed) and value != "max"):
            self.fail(f"{value!r} is neither a number above 0 nor max", param, ctx)
        return speed


@click.command()
@click.argument("recording")
@click.option(
    "--speed", type=Speed(), default="1", show_default=True, help="Times as fast as life."
)
@click.option("--run", help="The run's own id; without it a new one.")
@click.option("--actual", metavar="WORDS", help=f'Not as an exercise: "{ACTUAL_WORDS}".')
@click.option("--wait", is_flag=True, help="Wait until its alerts are delivered.")
def replay(recording: str, speed: float, run: str | None, actual: str | None, wait: bool) -> None:
    """Publish RECORDING (JSON lines of reports; .gz, .zst or - too) to the running skyfence.

    Gaps in the recording are skipped. Times stay those of the recording.
    """
    if actual is not None and actual != ACTUAL_WORDS:
        raise click.BadParameter(f'say "{ACTUAL_WORDS}"', param_hint="--actual")
    run = f"replay-{uuid4().hex[:12]}" if run is None else checked_run(run)
    environment = Environment.EXERCISE if actual is None else Environment.ACTUAL
    source = Recording(recording)
    settings = runtime_file.reach(environment)
    console = view.console(stderr=True)
    signals.run(_replay(console, settings, source, speed, run, wait=wait))
    if not source.read:
        raise InputError(f"{recording}: no line of it is a report")
    console.print(
        f"{counted(source.read, 'report')} of {recording} as run {run} ({environment}), "
        f"{counted(source.bad_lines, 'bad line')} left out"
    )


async def _replay(
    console: Console, settings: Settings, source: Recording, speed: float, run: str, *, wait: bool
) -> None:
    metrics.serve(settings, "replay")
    await ensure_topics(settings)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("connecting")

        def sent(batch: Sequence[SourceItem]) -> None:
            at = format_time(from_ms(time_of(batch[-1])))
            bar.update(task, description=f"{source.read} reports, at {at}")

        async with Publisher(settings, run) as publisher:
            await publisher.publish(Replay(play(source.reports()), speed), sent)
        if wait:
            bar.update(task, description="waiting for the last alerts")
            async with GroupProgress(settings) as progress:
                await progress.drained()
