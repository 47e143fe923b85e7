"""The feed alarm: what operators are told of a source that says nothing, and when that is over.

    silence ──▶ one Alert a place, when it is noticed
            └─▶ one Cancel to the same places, when the source is back or nobody waits any more

Its identifiers derive from the source and the moment of its last sign of life, so that a silence
that is told again after a crash is known for the same. Times are the wall clock's.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from skyfence.contracts.alert import FeedAlarm, PlaceKind, SilenceCause
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.frames.frame import LIVE_RUN
from skyfence.identity import derive
from skyfence.naming import Environment, ZoneName, operators_channel
from skyfence.times import format_time, to_ms

ALARM: Final = 1
ALL_CLEAR: Final = 2
# After this long nobody is waited for any more; the last alarm holds until then.
LIVE_GIVEN_UP_AFTER: Final = timedelta(days=7)
# A replay that was broken off does not come back.
REPLAY_GIVEN_UP_AFTER: Final = timedelta(hours=1)
# Nothing follows an all-clear: it holds as long as an incident's.
_ALL_CLEAR_HOLDS: Final = timedelta(hours=1)


class Silence(Contract):
    """One silence of a source, ``since`` its last sign of life, and which step of it was told."""

    since: UtcTime
    noticed: UtcTime
    cause: SilenceCause
    silent_after_s: float
    places: tuple[ZoneName, ...]
    over: UtcTime | None = None
    heard_again: UtcTime | None = None
    told: int = 0

    @property
    def step(self) -> int:
        """Return the step that its chain has come to."""
        return ALARM if self.over is None else ALL_CLEAR


def given_up_after(run: str) -> timedelta:
    """Return how long a silent source of a run is waited for."""
    return LIVE_GIVEN_UP_AFTER if run == LIVE_RUN else REPLAY_GIVEN_UP_AFTER


def untold(
    silence: Silence,
    key: str,
    run: RunName,
    environment: Environment,
    kinds: Mapping[str, PlaceKind],
) -> Iterator[FeedAlarm]:
    """Yield the messages of a silence that nobody has been told yet."""
    for step in range(silence.told + 1, silence.step + 1):
        for place in silence.places:
            kind = kinds.get(place, "region")
            yield _compose(silence, step, place, kind, key=key, run=run, environment=environment)


def _compose(
    silence: Silence,
    step: int,
    place: str,
    kind: PlaceKind,
    *,
    key: str,
    run: RunName,
    environment: Environment,
) -> FeedAlarm:
    over = silence.over if step == ALL_CLEAR else None
    headline, instruction = (
        _alarm_words(silence, key) if over is None else _all_clear_words(silence, key)
    )
    return FeedAlarm(
        **chain_fields(
            environment=environment,
            chain_id=derive("feed-alarm", environment, run, key, to_ms(silence.since)),
            channel=operators_channel(environment, place),
            step=step,
            cap=_cap_words(silence, step),
            time=over or silence.noticed,
            expires=over + _ALL_CLEAR_HOLDS if over else silence.since + given_up_after(run),
            headline=headline,
            instruction=instruction,
        ),
        place=place,
        place_kind=kind,
        description=_description(silence, key, run),
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
    return CapWords(
        message_type="Cancel",
        # Given up is no all-clear: nobody watches there now.
        response_type="Monitor" if silence.heard_again is None else "AllClear",
        urgency="Past",
        severity="Minor",
        certainty="Observed",
    )


def _alarm_words(silence: Silence, key: str) -> tuple[str, str]:
    since = _clock(silence.since)
    blind = f"No alert does not mean no danger: what {key} watches is not seen now. "
    if silence.cause == "unjudged":
        headline = f"Reports of sensor feed {key} are not judged: nothing since {since}"
        return headline, blind + "Check the workers and Kafka."
    headline = f"Sensor feed {key} is silent: nothing since {since}"
    return headline, blind + "Check the sensor and its line, and watch by other means."


def _all_clear_words(silence: Silence, key: str) -> tuple[str, str]:
    if silence.heard_again is None:
        return (
            f"Sensor feed {key} is no longer waited for: nothing since {_clock(silence.since)}",
            f"This is no all-clear: nothing is known of what {key} watched.",
        )
    return (
        f"Sensor feed {key} is back: nothing was seen of it from {_clock(silence.since)} "
        f"to {_clock(silence.heard_again)}",
        "Its tracks are judged again. What flew in between may have gone unseen.",
    )


def _description(silence: Silence, key: str, run: str) -> str:
    return (
        f"Last sign of life of {key} (run {run}) at {format_time(silence.since)}; "
        f"its silence is an alarm after {silence.silent_after_s:g} s."
    )


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
