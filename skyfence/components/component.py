"""The description of a component, a source of reports or a sink for alerts (docs/components.md).

A component is one object, ``COMPONENT``, in a file or folder of its own, and one entry point that
names it. ``producers.source`` and ``consumers.sink`` say what each kind has besides. This module
runs nothing: ``skyfence.cli`` does.

    entry point ──registry──▶ Component ──options──▶ open(options, context) ──▶ a source or a sink
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from skyfence.adapters.clock import Clock, WallClock
from skyfence.adapters.settings import Settings

Kind = Literal["source", "sink"]


class ComponentOptions(BaseModel):
    """Base of a component's options: each field has a type, a default if it can, a description.

    A field of type ``SecretStr`` is never an option of the command line, where everybody on the
    machine could read it. Types of other fields: text, numbers, ``bool``, ``Literal``, ``Path``,
    ``tuple[str, ...]`` and ``dict[str, str]``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a component is given besides its options."""

    settings: Settings
    clock: Clock = field(default_factory=WallClock)


OptionsT = TypeVar("OptionsT", bound=ComponentOptions)
ContextT = TypeVar("ContextT", bound=Context)
OpenedT = TypeVar("OpenedT")


@dataclass(frozen=True, kw_only=True)
class Component(Generic[OptionsT, ContextT, OpenedT]):
    """What a component is called, promises and takes, and how it is opened.

    ``open`` returns a context manager: it connects or listens when entered, and has let go of
    everything when left. It raises ``UnavailableError`` for what may mend itself (a peer that is
    away), and ``UsageError`` or ``InputError`` for what does not (a port that another process has,
    a file that is wrong): the first is tried again, the others end the process.
    """

    kind: ClassVar[Kind]

    name: str  # lower-case words with "-" between them
    summary: str  # one line, for the list of all
    guarantee: str  # of delivery, first of all what it does NOT promise
    options: type[OptionsT]
    open: Callable[[OptionsT, ContextT], AbstractAsyncContextManager[OpenedT]]
    docs: str = ""  # its page, from the repository's root
    metrics: tuple[str, ...] = ()  # those of its own, beside what every component counts
    extra: str = ""  # of the package, where its libraries come with one
    process: str = ""  # what its log lines and ``skyfence_info`` call the process

    def __post_init__(self) -> None:
        """Fill in what follows from the name."""
        object.__setattr__(self, "docs", self.docs or f"docs/{self.kind}s/{self.name}.md")
        object.__setattr__(self, "process", self.process or self.name)

    @property
    def variable_prefix(self) -> str:
        """Return how its environment variables begin, as ``SKYFENCE_SOURCE_CSV_TCP_``."""
        return f"SKYFENCE_{self.kind}_{self.name}_".upper().replace("-", "_")
