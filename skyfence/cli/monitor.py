"""``skyfence monitor``: watches the sources, lags and incidents of one environment."""

from collections.abc import Mapping
from uuid import uuid4

import click

from consumers.monitor import Monitor
from skyfence.adapters.files import load_catalogue, place_nations, policy_of, zones_of
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.status_store import StatusStore
from skyfence.cli import bootstrap
from skyfence.cli.zone_options import add_zones_option
from skyfence.contracts.alert import PlaceKind
from skyfence.policy.policy import Policy
from skyfence.texts.tables import FeedTexts


@click.command()
@add_zones_option
def monitor() -> None:
    """Keep `skyfence status`, and raise the alarm of a silent source (settings: SKYFENCE_…)."""
    settings = load()
    zones = zones_of(settings)
    policy, kinds = policy_of(settings, zones), zones.places
    texts = load_catalogue().english.feed
    nations = place_nations(settings)
    bootstrap.serve(
        settings, "monitor", lambda: _run(settings, policy, kinds, nations, texts), patient=True
    )


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
