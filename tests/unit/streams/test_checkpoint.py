"""The checkpoint's manifest and pieces: what they hold, or one exact error."""

import hashlib
from typing import Any

import pyarrow as pa
import pytest
from fuzz.decoders import complete
from fuzz.kept import FakeApp, FakeLog

from skyfence.adapters.settings import Settings
from skyfence.errors import InputError
from streams import checkpoint
from streams.checkpoint import Checkpoint, CheckpointStore, Manifest

STATE = b"what an agent remembers " * 100
PACKED = pa.compress(STATE, codec="zstd", asbytes=True)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> CheckpointStore:
    """Return a store whose topic holds two pieces, and behind them a manifest."""
    monkeypatch.setattr(checkpoint, "AIOKafkaConsumer", FakeLog)
    app: Any = FakeApp()
    return CheckpointStore(app, Settings(), "tracks")


def write(monkeypatch: pytest.MonkeyPatch, packed: bytes = PACKED, **changes: Any) -> None:
    """Write a checkpoint, its manifest with changes."""
    given = {"next_offset": 9, "pieces": (0, 1), "size": len(STATE)}
    digest = hashlib.sha256(packed).hexdigest()
    manifest = Manifest.model_validate(given | {"sha256": digest} | changes)
    values = (packed[:20], packed[20:], manifest.to_json())
    monkeypatch.setattr(FakeLog, "values", values)


def refused(store: CheckpointStore) -> str:
    with pytest.raises(InputError) as caught:
        complete(store.load(3, "checkpoint 2"))
    return str(caught.value).removeprefix("tracks.checkpoint/3: checkpoint 2: ")


def test_pieces_make_a_state(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint is loaded by its name, with the offset that it covers."""
    write(monkeypatch)
    loaded = complete(store.load(3, "checkpoint 2"))
    assert loaded == Checkpoint(STATE, 9, "checkpoint 2")
    assert complete(store.load(3, "")) is None


@pytest.mark.parametrize("size", [len(STATE) - 1, len(STATE) + 1, 0, -1, 2**62, 10**30])
def test_a_manifest_is_not_believed_in_its_size(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A size that is not the state's is an error, however much memory it asks for."""
    write(monkeypatch, size=size)
    assert refused(store) == f"it holds {len(STATE)} bytes, not {size}"


def test_what_is_not_compressed_is_refused(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces that are whole by their digest, and no compressed state, are an error."""
    write(monkeypatch, packed=STATE)
    assert refused(store).startswith("its pieces cannot be unpacked: ")
    write(monkeypatch, packed=PACKED[:-5])
    assert refused(store).startswith("its pieces cannot be unpacked: ")


def test_other_pieces_are_refused(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that the manifest does not mean, or that are gone, are an error."""
    write(monkeypatch, pieces=(1, 0))
    assert refused(store) == "its pieces are not whole"
    write(monkeypatch, pieces=(0, 7))
    assert refused(store) == "no message at offset 7"
    write(monkeypatch, pieces=(0, -1))
    assert refused(store) == "offset must be a non-negative integer"


def test_a_broker_that_does_not_answer_holds_no_verdict(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that brings nothing while Kafka is away says nothing of a checkpoint: it is waited.

    Whoever took it for lost would end, as no longer tracked, every incident that stands open.
    """
    write(monkeypatch)
    monkeypatch.setattr(FakeLog, "unanswered", 5)
    assert complete(store.load(3, "checkpoint 2")) == Checkpoint(STATE, 9, "checkpoint 2")


def test_a_log_that_ends_before_a_checkpoint_has_lost_it(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An offset at the log's end holds no message, also when Kafka was away before it said so."""
    write(monkeypatch)
    monkeypatch.setattr(FakeLog, "unanswered", 4)
    with pytest.raises(InputError, match=r"no message at offset 3$"):
        complete(store.load(3, "checkpoint 3"))
