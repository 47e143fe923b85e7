"""The pipeline's processes beside the worker, as their own commands wire them."""

from typing import TYPE_CHECKING, Final

from builders import world as zones
from words import ENGLISH

from consumers.channels.component import COMPONENT as REDIS_SINK
from consumers.channels.component import RedisOptions
from consumers.relay import Relay
from skyfence.adapters.files import load_catalogue
from skyfence.cli import desk as desk_command
from skyfence.cli import monitor as monitor_command
from skyfence.components.component import Context
from skyfence.policy.policy import Policy
from skyfence.policy.reading import parse_policy

if TYPE_CHECKING:
    from simulation.world import World

# What the public is told is told at once, after a while in which nobody decides, or only where an
# operator says so.
AUTOMATIC: Final = parse_policy('version = "1"\n[public]\nmode = "automatic"\n', "policy")
HELD: Final = parse_policy(
    'version = "1"\n[public]\nmode = "held"\ndeadline_s = 5.0\nafter_deadline = "release"\n',
    "policy",
)
WITHHELD: Final = parse_policy(
    'version = "1"\n[public]\nmode = "held"\ndeadline_s = 20.0\nafter_deadline = "withdraw"\n',
    "policy",
)


def policy_of(seed: int) -> Policy:
    """Return the policy of a seed's world."""
    if seed % 2:
        return AUTOMATIC
    return WITHHELD if seed % 4 else HELD


async def relay(world: "World") -> None:
    """Carry alerts to Redis, as ``skyfence relay`` does."""
    settings = world.settings.changed(worker_slot="relay")
    async with REDIS_SINK.open(RedisOptions(), Context(settings=settings)) as opened:
        await Relay(settings, opened).run()


async def monitor(world: "World") -> None:
    """Watch the sources, as ``skyfence monitor`` does."""
    known = zones()
    await monitor_command._run(
        world.settings, world.policy, known.places, known.nations, ENGLISH.feed
    )


async def desk(world: "World", name: str = "desk") -> None:
    """Tell the public and serve operators, as ``skyfence desk`` does."""
    known, texts = zones(), load_catalogue().english.public
    settings = world.settings.changed(worker_slot=name)
    await desk_command._run(settings, world.policy, known.names, texts, known.places)
