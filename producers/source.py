"""The protocol of a source of reports. To add one: a file here, and its name in the command line.

A source yields what arrived together (a scan, a datagram, what is due) and never waits for more to
come; the publisher packs. It says ``Heartbeat`` when it watched and saw nothing, and ``End`` when
it is finite and done.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from skyfence.frames.packing import SourceItem


class Source(Protocol):
    """Where reports come from."""

    def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield items as they come, those together that arrived together."""
        ...
