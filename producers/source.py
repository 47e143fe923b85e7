"""What a source of reports is: the protocol, its description, and what it is given.

A source yields what arrived together (a scan, a datagram, what is due) and never waits for more to
come; the publisher packs. It says ``SourceHeartbeat`` when it watched and saw nothing, and ``End``
when it is finite and done. To add one: docs/components.md.

    open(options, SourceContext) ──▶ Source.batches() ──▶ ``publisher`` ──▶ tracks
                                          └──▶ SourceContext.bad_items (counted, logged)
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from producers.bad_items import BadItems
from skyfence.components.component import Component, Context, Kind, OptionsT
from skyfence.frames.frame import LIVE_RUN
from skyfence.frames.packing import SourceItem


class Source(Protocol):
    """Where reports come from."""

    def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield items as they come, those together that arrived together.

        Raises ``UnavailableError`` when the transport failed: the source is opened again.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class SourceContext(Context):
    """What a source is given besides its options."""

    bad_items: BadItems


def _live(_: Any) -> str:
    return LIVE_RUN


@dataclass(frozen=True, kw_only=True)
class SourceComponent(Component[OptionsT, SourceContext, Source]):
    """The description of a source.

    A ``finite`` one ends by itself and is not opened again after a failure, because it would tell
    everything twice. ``run`` names the run that its reports belong to, ``live`` unless they are a
    recording's.
    """

    kind: ClassVar[Kind] = "source"

    finite: bool = False
    run: Callable[[OptionsT], str] = _live
