"""Runs the command line in a process of its own: ``skyfence``, ``python -m skyfence``."""

from skyfence.adapters.watchdog import WATCHDOG
from skyfence.cli.main import main


def run() -> None:
    """Run the command line; where the process was watched, see to it that it ends."""
    try:
        main()
    finally:
        WATCHDOG.begin_stop()  # Python waits for threads, also for those that hang


if __name__ == "__main__":
    run()
