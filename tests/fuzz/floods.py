"""Floods: valid and invalid messages in such numbers as a sick or hostile source may send.

border   new tracks that enter, 200 a frame
empty    messages without a report
bad      frames of 5,000 reports that cannot be read
sick     tracks that jump 40 km with every second report
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any, Final

from builders import T0, T0_MS
from fuzz import samples
from fuzz.samples import Mail
from pydantic_core import to_json

from skyfence.frames.codec import encode_frame
from skyfence.frames.frame import frame_of
from skyfence.times import format_time

Rows = list[dict[str, Any]]
_EVERY_S: Final = 10.0
_WEST, _EAST = 26.99, 27.01  # of the border of the world


def _rows(frame: int, names: list[str], lon: float) -> Rows:
    when = format_time(T0 + timedelta(seconds=frame * _EVERY_S))
    return [
        {"time": when, "source": "radar", "track_id": name, "lat": 56.0 + n * 1e-3, "lon": lon}
        for n, name in enumerate(names)
    ]


def _border() -> Iterator[Rows]:
    for frame in count():
        names = [f"B{frame // 2}-{n}" for n in range(200)]
        yield _rows(frame, names, (_WEST, _EAST)[frame % 2])


def _empty() -> Iterator[Rows]:
    while True:
        yield []


def _bad() -> Iterator[Rows]:
    for frame in count():
        yield [row | {"lat": "north"} for row in _rows(frame, ["T"] * 5_000, _WEST)]


def _sick() -> Iterator[Rows]:
    names = [f"S{n}" for n in range(100)]
    for frame in count():
        yield _rows(frame, names, _EAST + 0.6 * (frame // 2 % 2))


FLOODS: Final[dict[str, Callable[[], Iterator[Rows]]]] = {
    "border": _border,
    "empty": _empty,
    "bad": _bad,
    "sick": _sick,
}


def flood(name: str, messages: int) -> Iterator[Mail]:
    """Yield a flood's first messages, as its source would send them in JSON."""
    for number, rows in zip(range(messages), FLOODS[name](), strict=False):
        scan_ms = T0_MS + round(1_000 * number * _EVERY_S)
        frame = frame_of([], key="radar", run=samples.RUN, scan_time_ms=scan_ms)
        mail = samples.as_mail(frame, encode_frame(frame)[1], as_json=True)
        yield Mail(to_json(rows), mail.key, mail.headers, mail.timestamp_ms)
