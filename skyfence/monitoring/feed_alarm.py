"""The feed alarm: what operators are told of a source that says nothing, and when that is over.

    silence ──▶ one Alert a place, when it is noticed, or when it comes to concern the place
            └─▶ one Cancel to the same places, when the source is back or nobody waits any more

Its identifiers derive from the source and the moment of its last sign of life, so that a silence
that is told again after a crash is known for the same. Times are the wall clock's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import FeedAlarm, PlaceKind, SilenceCause
from skyfence.contracts.alert_chain import ALL_CLEAR_WORDS, CapWords, chain_fields
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.frames.frame import LIVE_RUN
from skyfence.identity import derive
from skyfence.naming import Environment, ZoneName, operators_channel
from skyfence.texts.tables import FeedTexts
from skyfence.times import format_time, to_ms

# Whose alarm it is that stands for all sources that no policy names; no source's name has a blank.
UNREGISTERED: Final = "unregistered sources"
ALARM: Final = 1
ALL_CLEAR: Final = 2
# After this long nobody is waited for any more; the last alarm holds until then.
LIVE_GIVEN_UP_AFTER: Final = timedelta(days=7)
# A replay that was broken off does not come back.
REPLAY_GIVEN_UP_AFTER: Final = timedelta(hours=1)
# Nothing follows an all-clear: it holds as long as an incident's.
_ALL_CLEAR_HOLDS: Final = timedelta(hours=1)


class Silence(Contract):
    """One silence of a source, ``since`` its last sign of life, and which step of it was told.

    ``places`` are those that it concerned when it was noticed, and were told the step ``told``.
    ``added`` are those that it came to concern afterwards, with the step that each was told.
    ``sounding`` are those at which its Alert sounds, and its Cancel if it is given up. ``broken``:
    the source was heard since, though that may be long ago by now.
    """

    since: UtcTime
    noticed: UtcTime
    cause: SilenceCause
    silent_after_s: float
    places: tuple[ZoneName, ...]
    added: dict[ZoneName, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    sounding: tuple[ZoneName, ...] = ()
    broken: bool = False
    over: UtcTime | None = None
    heard_again: UtcTime | None = None
    told: int = 0

    @property
    def step(self) -> int:
        """Return the step that its chain has come to."""
        return ALARM if self.over is None else ALL_CLEAR

    @property
    def told_by_place(self) -> dict[str, int]:
        """Return the step that each place was told, in the order in which it concerned them."""
        return dict.fromkeys(self.places, self.told) | self.added

    def concerning(self, places: Collection[str]) -> "Silence":
        """Return the silence with the places of these that it did not concern before."""
        new = sorted(set(places) - self.told_by_place.keys())
        return self.model_copy(update={"added": self.added | dict.fromkeys(new, 0)})

    def all_told(self) -> "Silence":
        """Return the silence with every place told its last step."""
        added = dict.fromkeys(self.added, self.step)
        return self.model_copy(update={"told": self.step, "added": added})


def given_up_after(run: str) -> timedelta:
    """Return how long a silent source of a run is waited for."""
    return LIVE_GIVEN_UP_AFTER if run == LIVE_RUN else REPLAY_GIVEN_UP_AFTER


def silence_id(environment: Environment, run: RunName, key: str, since: datetime) -> UUID:
    """Return the identifier of a silence, under which its alarms stand."""
    return derive("feed-alarm", environment, run, key, to_ms(since))


def untold(
    silence: Silence,
    key: str,
    run: RunName,
    environment: Environment,
    kinds: Mapping[str, PlaceKind],
    *,
    texts: FeedTexts,
) -> Iterator[FeedAlarm]:
    """Yield the messages of a silence that nobody has been told yet."""
    for step in range(ALARM, silence.step + 1):
        for place, told in silence.told_by_place.items():
            if step <= told:
                continue
            kind = kinds.get(place, "region")
            yield _compose(
                silence, step, place, kind, key=key, run=run, environment=environment, texts=texts
            )


def _compose(
    silence: Silence,
    step: int,
    place: str,
    kind: PlaceKind,
    *,
    key: str,
    run: RunName,
    environment: Environment,
    texts: FeedTexts,
) -> FeedAlarm:
    over = silence.over if step == ALL_CLEAR else None
    headline, instruction = _words(silence, step, key, texts)
    is_back = over is not None and silence.heard_again is not None
    return FeedAlarm(
        **chain_fields(
            environment=environment,
            chain_id=silence_id(environment, run, key, silence.since),
            channel=operators_channel(environment, place),
            step=step,
            cap=_cap_words(silence, step),
            time=over or silence.noticed,
            expires=over + _ALL_CLEAR_HOLDS if over else silence.since + given_up_after(run),
            headline=headline,
            instruction=instruction,
            # That a feed is back asks nobody to act; that it is silent, or given up, does.
            notify="sound" if place in silence.sounding and not is_back else "quiet",
        ),
        place=place,
        place_kind=kind,
        description=texts.description.format(
            key=key,
            run=run,
            since=format_time(silence.since),
            limit_s=f"{silence.silent_after_s:g}",
        ),
        cause=silence.cause,
        key=key,
        run=run,
        last_heard=silence.since,
        heard_again=None if over is None else silence.heard_again,
        silent_after_s=silence.silent_after_s,
    )


def _cap_words(silence: Silence, step: int) -> CapWords:
    if step == ALARM:
        return CapWords(
            message_type="Alert",
            response_type="Monitor",
            urgency="Immediate",
            severity="Severe",
            certainty="Observed",
        )
    # Given up is no all-clear: nobody watches there now.
    given_up = silence.heard_again is None
    return replace(ALL_CLEAR_WORDS, response_type="Monitor") if given_up else ALL_CLEAR_WORDS


def _words(silence: Silence, step: int, key: str, texts: FeedTexts) -> tuple[str, str]:
    """Return the headline and the instruction of a step."""
    headline, instruction = _templates(silence, step, key, texts)
    return (
        headline.format(
            key=key,
            since=_clock(silence.since),
            until="" if silence.heard_again is None else _clock(silence.heard_again),
        ),
        instruction.format(key=key),
    )


def _templates(silence: Silence, step: int, key: str, texts: FeedTexts) -> tuple[str, str]:
    if key == UNREGISTERED:
        over = texts.unregistered_over, texts.unregistered_over_instruction
        return over if step == ALL_CLEAR else (texts.unregistered, texts.unregistered_instruction)
    if step == ALL_CLEAR:
        if silence.heard_again is None:
            return texts.given_up, texts.given_up_instruction
        return texts.back, texts.back_instruction
    if silence.cause == "unjudged":
        return texts.unjudged, texts.unjudged_instruction
    if silence.cause == "clock":
        return texts.clock, texts.clock_instruction
    return texts.silent, texts.silent_instruction


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
