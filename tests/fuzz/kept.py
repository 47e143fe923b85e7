"""What decodes files and checkpoints, each with the damaged ones that it is given.

A file's bytes are a mail's value. A checkpoint is a manifest and its pieces, which travel as a
mail's headers; what they hold together is damaged before it is cut into pieces, or after.
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from aiokafka.errors import KafkaTimeoutError
from fuzz import mutate, samples
from fuzz.decoders import Decoder, Target, complete, reason_of
from fuzz.samples import EXERCISE, Mail

from skyfence.adapters.files import load_policy, read_recording, read_zones
from skyfence.adapters.settings import Settings
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.rejected import Reason
from skyfence.errors import InputError
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.naming import Topics
from skyfence.tracks.snapshot import restore_snapshot
from skyfence.tracks.tracker import Tracker
from skyfence.zone_import.normalize import ImportOptions, normalize
from skyfence.zone_import.readers import read_raw
from skyfence.zones.zone_file import zone_set
from streams import checkpoint
from streams.checkpoint import CheckpointStore, Manifest

_NAME: Final = "checkpoint 2"  # its manifest stands at offset 2, behind two pieces


@dataclass
class _File:
    """A file of one name that is written anew for each message."""

    name: str
    read: Callable[[Path], object]
    folder: Any = field(default_factory=tempfile.TemporaryDirectory)

    def __call__(self, mail: Mail) -> None:
        path = Path(self.folder.name) / self.name
        path.write_bytes(mail.value or b"")
        self.read(path)


def _text_mail(text: str, draw: Random, _: int) -> Mail:
    return Mail(mutate.text_message(text, draw))


def _bytes_mail(value: bytes, draw: Random, _: int) -> Mail:
    return Mail(mutate.damage(value, draw))


def _zones_mail(draw: Random, _: int) -> Mail:
    return Mail(mutate.json_message(samples.ZONES, draw))


def _recording_mail(pack: Callable[[bytes], bytes], draw: Random, number: int) -> Mail:
    """Return a recording of one line, damaged before or after it is packed."""
    [report, *_] = samples.reports_of(number % samples.SCANS)
    if draw.random() < 0.7:
        return Mail(pack(mutate.json_message(report, draw) + b"\n"))
    return Mail(mutate.damage(pack(samples.in_json(report) + b"\n"), draw))


def _read_lines(path: Path) -> None:
    for line in read_recording(str(path)):
        if line.report is None:
            raise InputError(line.reason)


def _import_zones(path: Path) -> None:
    """Bring a foreign file's zones into our form; refused is what gives none."""
    placed, findings = normalize(read_raw(path).raws, ImportOptions(lenient=True), str(path))
    if not placed:
        wrong = [finding for finding in findings if finding.severity == "error"]
        raise InputError(str(wrong[0]) if wrong else f"{path}: no zones")


def _load_zones(path: Path) -> None:
    Airspace(zone_set([read_zones(path)]))


def _packed(value: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(value)
    return bytes(sink.getvalue())


class FakeLog:
    """A topic's partition; stands in for aiokafka's consumer of it.

    So many fetches and questions are ``unanswered`` at first, as while its broker is away.
    """

    values: tuple[bytes, ...] = ()
    unanswered = 0

    def __init__(self, **_: Any) -> None:
        self._at = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, _: Any) -> None: ...

    def seek(self, _: Any, offset: int) -> None:
        if offset < 0:
            raise ValueError("offset must be a non-negative integer")
        self._at = offset

    async def end_offsets(self, partitions: Any) -> dict[Any, int]:
        if self._is_away():
            raise KafkaTimeoutError
        return dict.fromkeys(partitions, len(self.values))

    def _is_away(self) -> bool:
        self.unanswered -= 1
        return self.unanswered >= 0

    async def getmany(self, partition: Any, timeout_ms: int) -> dict[Any, list[Any]]:
        if self._is_away():
            return {}
        records = enumerate(self.values)
        return {
            partition: [SimpleNamespace(offset=n, value=v) for n, v in records if n >= self._at]
        }


class FakeApp:
    """An app that has topics to send to and nothing else."""

    def output_topic(self, name: str) -> Any:
        return SimpleNamespace(name=name)


class _Checkpoints:
    """Loads damaged checkpoints of one agent's state, and restores what they hold."""

    def __init__(
        self,
        state: bytes,
        damage: Callable[[bytes, Random], bytes],
        restore: Callable[[bytes], object],
    ) -> None:
        self._state, self._damage, self._restore = state, damage, restore
        app: Any = FakeApp()
        self._store = CheckpointStore(app, Settings(), Topics(EXERCISE).tracks)
        module: Any = checkpoint  # its name of Kafka's client is not exported
        module.AIOKafkaConsumer = FakeLog

    def damaged(self, draw: Random, _: int) -> Mail:
        """Return a checkpoint with another state, or with another piece or manifest."""
        kind = draw.random()
        state = self._damage(self._state, draw) if kind < 0.7 else self._state
        packed = pa.compress(state, codec="zstd", asbytes=True)
        half = len(packed) // 2
        digest = hashlib.sha256(packed).hexdigest()
        manifest = Manifest(next_offset=9, pieces=(0, 1), size=len(state), sha256=digest).to_json()
        pieces = [packed[:half], packed[half:]]
        if 0.7 <= kind < 0.8:
            at = draw.randrange(2)
            pieces[at] = mutate.damage(pieces[at], draw)
        elif kind >= 0.8:
            manifest = mutate.json_message(samples.document(manifest), draw)
        return Mail(None, None, (("0", pieces[0]), ("1", pieces[1]), ("manifest", manifest)))

    def judge(self, mail: Mail) -> Reason | None:
        """Load a checkpoint and restore it; return why that was not possible, or None."""
        FakeLog.values = tuple(value for _, value in mail.headers)
        try:
            loaded = complete(self._store.load(0, _NAME))
            self._restore(loaded.state)
        except InputError as error:
            return reason_of(error)
        return None

    def begin(self) -> None:
        """Do nothing: each checkpoint is restored by itself."""


def _restore(state: bytes) -> None:
    restore_snapshot(Tracker(samples.airspace(), EXERCISE, samples.policy()), state)


def _geopackage() -> bytes:
    """Return a GeoPackage of one zone."""
    area, fields = [shapely.to_wkb(shapely.box(27, 56, 28, 57))], [np.array(["Latvia"], object)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "z.gpkg"
        form = {"geometry_type": "Polygon", "crs": "EPSG:4326"}
        pyogrio.raw.write(path, np.array(area), fields, ["name"], **form)
        return path.read_bytes()


def _files(make: Callable[..., Mail], name: str, read: Callable[[Path], object]) -> Target:
    return Decoder(make, _File(name, read))


KEPT: Final[dict[str, Callable[[], Target]]] = {
    "track checkpoints": lambda: _Checkpoints(
        samples.told().snapshot, mutate.packed_message, _restore
    ),
    "incident checkpoints": lambda: _Checkpoints(
        samples.told().pages, mutate.packed_message, incident_snapshot.restore_snapshot
    ),
    "policies": lambda: _files(partial(_text_mail, samples.POLICY), "p.toml", load_policy),
    "zone files": lambda: _files(_zones_mail, "z.geojson", _load_zones),
    "foreign geojson": lambda: _files(_zones_mail, "z.geojson", _import_zones),
    "open air": lambda: _files(partial(_text_mail, samples.OPEN_AIR), "z.txt", _import_zones),
    "kml": lambda: _files(partial(_text_mail, samples.KML), "z.kml", _import_zones),
    "geopackages": lambda: _files(partial(_bytes_mail, _geopackage()), "z.gpkg", _import_zones),
    "recordings": lambda: _files(partial(_recording_mail, bytes), "r.jsonl", _read_lines),
    "packed recordings": lambda: _files(
        partial(_recording_mail, _packed), "r.jsonl.zst", _read_lines
    ),
}
