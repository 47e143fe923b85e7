"""The slots of what `skyfence up` runs: whose name in a group is whose."""

import contextlib
import os
from pathlib import Path

import pytest

from skyfence.adapters.settings import KafkaSettings, RedisSettings, Settings, load
from skyfence.cli.local.stack import servers, slot_name

# Servers of one's own, so that none is started.
NAMED = Settings(
    kafka=KafkaSettings(bootstrap="127.0.0.1:1"), redis=RedisSettings(url="redis://127.0.0.1:1/0")
)


async def slot(settings: Settings, data: Path) -> str | None:
    """Return the slot of the processes of a data folder."""
    async with servers(settings, data, None) as (reached, _):
        return reached.worker_slot


async def test_two_folders_have_slots_of_their_own(tmp_path: Path) -> None:
    """Two on one Kafka share a group; one that comes back has the slot that it had."""
    one, other = tmp_path / "one", tmp_path / "other"
    assert await slot(NAMED, one) == await slot(NAMED, one)
    assert await slot(NAMED, one) != await slot(NAMED, other)


async def test_a_relative_path_is_the_folder_s(tmp_path: Path) -> None:
    """However the folder is named."""
    with contextlib.chdir(tmp_path):
        assert await slot(NAMED, Path("one")) == await slot(NAMED, tmp_path / "one")


async def test_a_slot_that_is_set_stays(tmp_path: Path) -> None:
    """Whoever names one means it."""
    assert await slot(NAMED.changed(worker_slot="7"), tmp_path) == "7"


@pytest.mark.parametrize("host", ["node-1.example", "-", "größe_1", "x" * 99])
def test_any_host_makes_a_slot_that_is_taken(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hosts differ, and so do their slots; each is one that the setting takes."""
    name = slot_name(host, tmp_path)
    monkeypatch.setitem(os.environ, "SKYFENCE_WORKER_SLOT", name)
    assert load().worker_slot == name
    assert name != slot_name("elsewhere", tmp_path)
