"""The command ``skyfence``: one subcommand a file.

An error that a user can mend is one line on standard error and an exit code: 1 for input, 2 for
usage or settings, 3 for something that is away. A process that hung was ended with 4. Ctrl-C ends
everything quietly with 130.
"""

import sys
from importlib import import_module
from typing import Final

import click

from skyfence import __version__
from skyfence.adapters import logs
from skyfence.errors import SkyfenceError

# In the order in which people meet them; each is imported when it is asked for, because what one
# needs (Faust, GDAL, Apprise) is slow to load for all.
_COMMANDS: Final = {
    "demo": "demo",
    "up": "up",
    "replay": "replay",
    "watch": "watch",
    "status": "status",
    "ack": "operator_commands",
    "close": "operator_commands",
    "dismiss": "operator_commands",
    "join": "operator_commands",
    "separate": "operator_commands",
    "release": "operator_commands",
    "withdraw": "operator_commands",
    "operators": "operators",
    "sources": "sources",
    "scan": "scan",
    "worker": "worker",
    "source": "source",
    "sink": "sink",
    "relay": "relay",
    "monitor": "monitor",
    "desk": "desk",
    "sms": "sms",
    "webhooks": "webhooks",
    "apprise": "apprise",
    "outbox": "outbox",
    "redis": "redis",
    "health": "health",
    "policy": "policy",
    "zones": "zones",
    "schemas": "schemas",
    "score": "score",
}


class _Lazy(click.Group):
    """A group whose commands are in modules of ``skyfence.cli``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"skyfence.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skyfence")
def commands() -> None:
    """Alerts for civil defence: tracks in, border crossings out to the regions they concern.

    Start with `skyfence demo`.
    """


def main() -> None:
    """Run the command line."""
    # What goes wrong on the way to Kafka is told once, in our words.
    logs.quiet_at_start()
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
