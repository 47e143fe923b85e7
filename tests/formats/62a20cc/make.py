"""Make the file of this folder, with the code of commit 62a20cc: an outbox without ``rank``.

git clone . ../before && git -C ../before checkout 62a20cc
PYTHONPATH=../before python tests/formats/62a20cc/make.py
"""

import asyncio
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from consumers.outbox import Change, Item, Outbox, State

HERE = Path(__file__).parent


async def make() -> None:
    """Write an outbox with items in every state, and a receipt that came first."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.sqlite"
        async with Outbox.open(path) as outbox:
            await fill(outbox)
        (HERE / "outbox.sqlite.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


async def fill(outbox: Outbox) -> None:
    """Put items, and bring each to a state of its own."""
    states = [State.SUBMITTED, State.DELIVERED, State.FAILED, State.UNCERTAIN, State.MERGED]
    await outbox.put([item(str(name)) for name in [*states, State.SUBMITTING]], 1_000)
    await outbox.take(1_000, 10)
    changes = [
        Change(key=str(name), state=name, reference=f"ref-{name}", reason="as told")
        for name in states
    ]
    await outbox.record(changes, 1_100)
    await outbox.put([item("expired", expires_ms=1_150), item("pending"), item("later")], 1_120)
    await outbox.expire(1_200)
    await outbox.receipt("ref-unknown", State.DELIVERED, 1_250)


def item(key: str, **changes: Any) -> Item:
    """Return an item."""
    return Item(key=key, recipient="+40700000001", chain=f"c-{key}", body="text", **changes)


if __name__ == "__main__":
    asyncio.run(make())
