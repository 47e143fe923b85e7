"""The command ``skyfence``: one subcommand a file.

An error that a user can mend is one line on standard error and an exit code: 1 for input, 2 for
usage or settings, 3 for something that is away. Ctrl-C ends everything quietly with 130.
"""

import logging
import sys

import click

from skyfence import __version__
from skyfence.cli.apprise import apprise
from skyfence.cli.command import ack, close, release, withdraw
from skyfence.cli.demo import demo
from skyfence.cli.desk import desk
from skyfence.cli.health import health
from skyfence.cli.monitor import monitor
from skyfence.cli.operators import operators
from skyfence.cli.policy import policy
from skyfence.cli.redis import redis_
from skyfence.cli.relay import relay
from skyfence.cli.replay import replay
from skyfence.cli.scan import scan
from skyfence.cli.schemas import schemas
from skyfence.cli.score import score
from skyfence.cli.sms import sms
from skyfence.cli.status import status
from skyfence.cli.up import up
from skyfence.cli.watch import watch
from skyfence.cli.webhooks import webhooks
from skyfence.cli.worker import worker
from skyfence.cli.zones import zones
from skyfence.errors import SkyfenceError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skyfence")
def commands() -> None:
    """Alerts for civil defence: tracks in, border crossings out to the regions they concern.

    Start with `skyfence demo`.
    """


for command in (
    demo,
    up,
    replay,
    watch,
    status,
    scan,
    worker,
    relay,
    sms,
    webhooks,
    apprise,
    monitor,
    redis_,
    desk,
    operators,
    ack,
    close,
    release,
    withdraw,
    health,
    policy,
    zones,
    schemas,
    score,
):
    commands.add_command(command)


def main() -> None:
    """Run the command line."""
    # What goes wrong on the way to Kafka is told once, in our words; `logs` lets it speak again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        code = commands.main(standalone_mode=False)
    except SkyfenceError as error:
        click.echo(f"skyfence: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has had enough
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
