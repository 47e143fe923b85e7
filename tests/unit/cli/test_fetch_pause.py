"""The pause that keeps consumers of the embedded broker from asking it all the time."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher

from skyfence.adapters.settings import Settings
from skyfence.cli.local import fetch_pause
from skyfence.cli.local.fetch_pause import pace_fetches


@pytest.fixture
def pauses_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what is slept, seconds; aiokafka's own fetch returns what it is given."""
    slept: list[float] = []

    async def fetch(_: object, has_records: bool) -> bool:
        return has_records

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(fetch_pause, "_FETCH", fetch)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(Fetcher, "_proc_fetch_request", fetch)
    return slept


async def fetch(*, has_records: bool) -> bool:
    """Have a consumer fetch once."""
    consumer: Any = None
    answer: bool = await Fetcher._proc_fetch_request(consumer, has_records)
    return answer


async def test_only_an_empty_fetch_is_followed_by_a_pause(pauses_s: list[float]) -> None:
    """A fetch that brought records returns at once; both return what they returned before."""
    pace_fetches(Settings(fetch_pause_ms=10))
    assert await fetch(has_records=True) is True
    assert pauses_s == []
    assert await fetch(has_records=False) is False
    assert pauses_s == [0.01]


async def test_a_second_call_adds_no_second_pause(pauses_s: list[float]) -> None:
    """However often a process asks for it, there is one pause a fetch."""
    pace_fetches(Settings(fetch_pause_ms=10))
    pace_fetches(Settings(fetch_pause_ms=10))
    await fetch(has_records=False)
    assert pauses_s == [0.01]


async def test_apache_kafka_is_not_paused_for(pauses_s: list[float]) -> None:
    """Without the setting aiokafka stays as it is."""
    pace_fetches(Settings())
    await fetch(has_records=False)
    assert pauses_s == []
