"""``skyfence monitor``: watches the sources, lags and incidents of one environment."""

import asyncio
from collections.abc import Mapping
from uuid import uuid4

import click

from consumers.monitor import Monitor
from skyfence.adapters import logs, metrics
from skyfence.adapters.embedded_kafka import pace_fetches
from skyfence.adapters.files import load_policy
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.status_store import StatusStore
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local.signals import until_told_to_stop
from skyfence.cli.places import member_places
from skyfence.contracts.alert import PlaceKind
from skyfence.errors import UsageError
from skyfence.policy.policy import Policy


@click.command()
def monitor() -> None:
    """Keep `skyfence status`, and raise the alarm of a silent source (settings: SKYFENCE_…)."""
    asyncio.run(_run(load()))


async def _run(settings: Settings) -> None:
    pace_fetches(settings)
    policy, kinds = load_policy(settings.policy), member_places(settings)
    _check(policy, kinds)
    await ensure_topics(settings)
    store = StatusStore(await connect(settings), settings.environment, uuid4())
    logs.configure("monitor", settings.environment)
    metrics.serve(settings, "monitor")
    try:
        await until_told_to_stop(Monitor(settings, store, policy, kinds).run())
    finally:
        await store.close()


def _check(policy: Policy, kinds: Mapping[str, PlaceKind]) -> None:
    """Refuse a policy that would tell a place of which no zone is known."""
    for name, source in policy.file.sources.items():
        for place in source.watches or ():
            if place not in kinds:
                raise UsageError(f"policy: source {name} watches {place!r}, which is no member's")
