"""Which places have operators: the alliance, its member nations and their regions."""

from collections.abc import Collection, Sequence
from typing import Final

from skyfence.adapters.files import member_places
from skyfence.adapters.settings import Settings
from skyfence.errors import UsageError
from skyfence.naming import ALLIANCE, Audience, Channel

ALL: Final = "all"


def check_places(places: Collection[str], known: Collection[str], others: str) -> None:
    """Refuse a place that no alert can be for; ``others`` says what there is besides regions."""
    for place in places:
        if place not in known:
            raise UsageError(f"no alerts can come for {place!r}: not a region, {others}")


def channels_of(settings: Settings, places: Collection[str]) -> Sequence[Channel]:
    """Return the operators' channels of places, or of `all`.

    Raises ``UsageError`` for a place that no alert can be for: silence on it would mean nothing.
    """
    known = member_places(settings)
    check_places(places, [*known, ALL], f"a nation, {ALLIANCE} or {ALL}")
    chosen = sorted(known) if ALL in places else list(dict.fromkeys(places))
    return [Channel(settings.environment, Audience.OPERATORS, place) for place in chosen]
