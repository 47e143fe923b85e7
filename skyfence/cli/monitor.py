"""``skyfence monitor``: watches the sources, lags and incidents of one environment."""

from collections.abc import Mapping
from uuid import uuid4

import click

from consumers.monitor import Monitor
from skyfence.adapters.files import load_catalogue, load_policy, member_places, place_nations
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.status_store import StatusStore
from skyfence.cli import bootstrap
from skyfence.contracts.alert import PlaceKind
from skyfence.errors import UsageError
from skyfence.policy.policy import Policy
from skyfence.texts.tables import FeedTexts


@click.command()
def monitor() -> None:
    """Keep `skyfence status`, and raise the alarm of a silent source (settings: SKYFENCE_…)."""
    settings = load()
    policy, kinds = load_policy(settings.policy), member_places(settings)
    _check(policy, kinds)
    texts = load_catalogue().english.feed
    nations = place_nations(settings)
    bootstrap.serve(settings, "monitor", lambda: _run(settings, policy, kinds, nations, texts))


async def _run(
    settings: Settings,
    policy: Policy,
    kinds: Mapping[str, PlaceKind],
    nations: Mapping[str, str],
    texts: FeedTexts,
) -> None:
    store = StatusStore(await connect(settings), settings.environment, uuid4())
    try:
        await Monitor(settings, store, policy, kinds, texts, nations=nations).run()
    finally:
        await store.close()


def _check(policy: Policy, kinds: Mapping[str, PlaceKind]) -> None:
    """Refuse a policy that would tell a place of which no zone is known."""
    for name, source in policy.file.sources.items():
        for place in source.watches or ():
            if place not in kinds:
                raise UsageError(f"policy: source {name} watches {place!r}, which is no member's")
