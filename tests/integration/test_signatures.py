"""Signed sources through real processes: a forged message is kept as rejected, and judged not."""

import base64
import json
from pathlib import Path

import pytest
from proc import Processes
from talk import LONGEST_S, entry, send, stored

from producers.publisher import Publisher
from producers.replay import Replay
from skyfence.adapters.settings import Settings
from skyfence.contracts.report import Report
from skyfence.errors import UsageError
from skyfence.frames.packing import play

pytestmark = pytest.mark.integration
POLICY = 'version = "v1"\n[sources.radar]\nrequires_signature = true\n'


@pytest.fixture
def signing(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings by which the source radar must sign, with its key."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "radar.key").write_bytes(base64.b64encode(b"k" * 32))
    (keys / "radar.key").chmod(0o600)
    (tmp_path / "policy.toml").write_text(POLICY)
    return settings.changed(policy=tmp_path / "policy.toml", signing_keys=keys)


async def test_only_what_the_source_has_signed_is_judged(
    signing: Settings, processes: Processes
) -> None:
    """Who may write to the topic, and has no key, cannot speak as the radar."""
    processes.skyfence(signing, "worker")
    await send(signing, json.dumps(entry("forged")).encode())
    signed = [Report.model_validate(row) for row in entry("signed", 10)]
    async with Publisher(signing, "live") as publisher:
        await publisher.publish(Replay(play(signed), 1_000.0))
    others = [row | {"source": "other"} for row in entry("other")]
    await send(signing, json.dumps(others).encode(), key=b"other")
    rejected, *_ = await stored(signing, signing.topics.rejected, 1)
    assert (rejected["reason_class"], rejected["key"]) == ("signature", "radar")
    # Of each track four; the forged one's would come first, since they share a partition.
    crossings = await stored(signing, signing.topics.crossings, 8)
    assert {crossing["track_id"] for crossing in crossings} == {"signed", "other"}


async def test_a_worker_without_the_key_does_not_start(
    signing: Settings, processes: Processes
) -> None:
    """It could judge nothing of the source."""
    worker = processes.skyfence(signing.changed(signing_keys=None), "worker")
    assert worker.wait(LONGEST_S) == UsageError.exit_code
    said = processes.said(worker)
    assert "SKYFENCE_SIGNING_KEYS: is needed, because source radar must sign" in said
