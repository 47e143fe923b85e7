"""Runs the Faust app as a process until it is told to stop, or crashes and must be restarted."""

from skyfence.adapters.files import policy_of, zones_of
from skyfence.adapters.settings import Settings
from streams.app import build
from streams.driver.process import run_until_stopped


def run(settings: Settings) -> None:
    """Serve an environment; return after a stop, raise ``UnavailableError`` after a crash."""
    zones = zones_of(settings)
    policy = policy_of(settings, zones)
    run_until_stopped(lambda: build(settings, zones, policy))
