"""The announcer: whether a place's state is told now, why, and whether that sounds.

    what holds now, what was told last ──▶ news ──▶ sound or quiet ──▶ told now, or with the next
                                                                         └─▶ ``messages``

Does not keep the states (``places``) and puts nothing into words (``messages``).
"""

from typing import Final

from skyfence.contracts.alert import Notify, PlaceAlert, PlaceNews, level_rank
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.places.messages import PlaceSituation, PlaceWording
from skyfence.places.parameters import PlaceParameters
from skyfence.places.place_state import PlaceState
from skyfence.places.place_view import PlaceView

# A growing number of objects sounds when it reaches one of these.
_COUNT_MARKS: Final = (2, 5, 10, 20, 50, 100, 200)


class Announcer:
    """Announces the states of places of one environment; it remembers none itself."""

    def __init__(
        self, environment: Environment, wording: PlaceWording, parameters: PlaceParameters
    ) -> None:
        self._environment = environment
        self._wording = wording
        self._parameters = parameters

    def announce(
        self,
        state: PlaceState,
        now: PlaceSituation,
        news: tuple[PlaceNews, ...],
        *,
        may_wait: bool = True,
    ) -> PlaceAlert | None:
        """Return the message that news of a place asks for (``news_of``); None where it waits.

        Quiet news that comes soon after other news waits for the next time (``state.waits``), if it
        ``may_wait``.
        """
        time_ms = max(now.time_ms, state.since_ms)
        notify = self._notify(state, now.view, news, time_ms)
        minor = notify == "quiet" and "level" not in news and "unseen" not in news
        if may_wait and minor and state.step and not self.is_quiet_due(state, time_ms):
            state.waits = True
            return None
        self._step(state, now, time_ms)
        return self._wording.compose(
            state, now, environment=self._environment, time_ms=time_ms, news=news, notify=notify
        )

    def is_quiet_due(self, state: PlaceState, time_ms: int) -> bool:
        """Tell whether quiet news of a place may be told at a time (event time, ms since 1970)."""
        return time_ms - state.told_ms >= self._parameters.quiet_every_ms

    def _step(self, state: PlaceState, now: PlaceSituation, time_ms: int) -> None:
        """Bring what was told of a place up to what holds now, and count the message."""
        if state.level == "clear":
            state.episode += 1
            # Not the time: which source's report opens it may depend on the order of arrival.
            identity = (self._environment, now.run, now.place, state.episode)
            state.begin_episode(derive("episode", *identity))
        view = now.view
        if view.level != state.level:
            state.since_ms = time_ms
        state.level, state.told_ms = view.level, time_ms
        state.step += 1
        state.objects, state.lost = view.objects, view.lost
        state.unseen = now.unseen
        state.highest = max(state.highest, view.level, key=level_rank)
        state.most_objects = max(state.most_objects, state.objects)
        state.most_vanished = max(state.most_vanished, view.vanished)
        state.mark = min(state.mark, view.minute_mark)
        state.directions = sorted({*state.directions, *state.new_directions})
        state.new_directions = []

    def _notify(
        self, state: PlaceState, view: PlaceView, news: tuple[PlaceNews, ...], time_ms: int
    ) -> Notify:
        rises = level_rank(view.level) > level_rank(state.level)
        first = rises and level_rank(view.level) > level_rank(state.highest)
        always = view.level == "clear" or first
        wanted = always or rises or self._wants_sound(state, view, news, time_ms)
        sounds = wanted and state.attention.sound(time_ms, always=always)
        return "sound" if sounds else "quiet"

    def _wants_sound(
        self, state: PlaceState, view: PlaceView, news: tuple[PlaceNews, ...], time_ms: int
    ) -> bool:
        """Tell whether news that raises no level asks a person to act."""
        if "direction" in news or view.vanished > state.most_vanished:
            return True
        silent_ms = time_ms - state.attention.sounded_ms
        if "minutes" in news and silent_ms >= self._parameters.minutes_sound_after_ms:
            return True
        count = view.objects
        return any(state.most_objects < mark <= count for mark in _COUNT_MARKS)


def news_of(state: PlaceState, view: PlaceView, *, unseen: bool) -> tuple[PlaceNews, ...]:
    """Return what is new of a place since it was told last; nothing of one that stays clear."""
    if view.level == state.level == "clear":
        return ()
    news: dict[PlaceNews, bool] = {
        "level": view.level != state.level,
        "objects": view.objects != state.objects,
        "direction": view.level != "clear" and not {*state.new_directions} <= {*state.directions},
        "minutes": view.minute_mark < state.mark,
        "lost": view.lost != state.lost,
        "unseen": unseen != state.unseen,
    }
    return tuple(item for item, is_new in news.items() if is_new)
