"""All that is drawn for a seed: what befalls its world, and what its operators do."""

from typing import Final

from simulation.commands import COMMANDS, draw_commands
from simulation.faults import CLOCKS, HANGS, LOSSLESS, LOSSY, OMISSIONS, Deed, Fault, draw_faults
from simulation.webhook_faults import WEBHOOKS, draw_webhooks

DEEDS: Final[dict[str, Deed]] = LOSSLESS | OMISSIONS | HANGS | CLOCKS | LOSSY | COMMANDS | WEBHOOKS


def draw_schedule(seed: int) -> tuple[Fault, ...]:
    """Return what is done to the world of a seed, in the order of time."""
    drawn = (*draw_faults(seed), *draw_commands(seed), *draw_webhooks(seed))
    return tuple(sorted(drawn, key=lambda fault: fault.at_s))
