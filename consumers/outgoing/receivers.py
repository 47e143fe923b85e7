"""Receivers beyond Redis: the file that names them, and what each wants to hear.

    file (TOML) ──▶ environment, outbox, receivers: name, places, events, limits

A file is for one environment and says which; a process of the other refuses it. Secrets stand in
files of their own, which it names, and never in it. Reads files; sends nothing (``dispatcher``).
"""

import tomllib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, TypeVar, get_args

from pydantic import Field, StringConstraints, ValidationError

from skyfence.adapters.os_errors import describe_os_error
from skyfence.contracts.alert import AnyAlert, EventName, FeedEventName, PlaceEventName
from skyfence.contracts.base import Contract, describe_validation_error
from skyfence.errors import InputError, UnavailableError, UsageError
from skyfence.naming import Environment

# Labels of metrics and keys of logs; capitals would make two names of one.
ReceiverName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
# A place's identifier in which * and ? stand for anything.
Places = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?._-]{1,64}$")]
AnyEventName = EventName | PlaceEventName | FeedEventName
_EVENTS: Final[tuple[AnyEventName, ...]] = (
    *get_args(PlaceEventName),
    *get_args(EventName),
    *get_args(FeedEventName),
)

FileName = Annotated[str, StringConstraints(min_length=1)]


class ReceiverOptions(Contract):
    """Who a receiver is, and what it wants: alerts of these events for any of these places.

    ``airspace warning`` is the state of a place, ``airspace violation`` an incident. A chain is one
    event for one place, so whoever hears of its beginning hears of its end.
    """

    name: ReceiverName
    places: Annotated[tuple[Places, ...], Field(min_length=1)] = ("*",)
    events: Annotated[tuple[AnyEventName, ...], Field(min_length=1)] = _EVENTS
    window: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    timeout_s: Annotated[float, Field(gt=0, le=120, allow_inf_nan=False)] = 30.0

    def wants(self, alert: AnyAlert) -> bool:
        """Tell whether an alert is for this receiver."""
        return alert.event in self.events and self.hears_of(alert.place)

    def hears_of(self, place: str) -> bool:
        """Tell whether a place is one that this receiver wants."""
        return any(fnmatchcase(place, pattern) for pattern in self.places)


class ReceiversFile(Contract):
    """What every file of receivers says; relative paths begin at its folder."""

    environment: Environment
    outbox: FileName


AnyFile = TypeVar("AnyFile", bound=ReceiversFile)


def read(path: Path, model: type[AnyFile], environment: Environment) -> AnyFile:
    """Read a file of receivers; raise ``InputError`` or ``UnavailableError`` naming the mistake.

    Raises ``UsageError`` where the file is for the other environment.
    """
    try:
        file = model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        described = describe_validation_error(error, root="file", beside_secrets=True)
        raise InputError(f"{path}: {described}") from None
    if file.environment is not environment:
        raise UsageError(
            f"{path}: is for {file.environment}, and SKYFENCE_ENVIRONMENT is {environment}"
        )
    return file


def once(names: Iterable[str]) -> None:
    """Raise ``ValueError`` for a name that stands there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the name {name!r} stands there twice")
        seen.add(name)
