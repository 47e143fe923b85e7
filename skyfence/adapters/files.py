"""Files that people bring (recordings, zones, a policy): reads them and says exactly what is wrong.

A recording is JSON lines, one report a line; ``.gz`` and ``.zst`` are unpacked as they are read and
``-`` is standard input. The default zones and recordings stand in ``geodata/`` and ``recordings/``
of a checkout, and inside the package of an installation; the default policy in ``policy/``, the
texts in ``texts/``.
"""

import codecs
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pydantic import ValidationError
from pydantic_core import from_json

import skyfence
from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import PlaceKind
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.report import Report, read_report
from skyfence.errors import InputError, UnavailableError
from skyfence.policy.places import unknown_places
from skyfence.policy.policy import Policy
from skyfence.policy.reading import parse_policy
from skyfence.texts.catalogue import Catalogue, TextFile, parse_catalogue
from skyfence.zones.zone_file import Zone, ZoneSet, parse_zones, zone_set

# Longer than any report can be; stops a file without line ends from filling the memory.
_MAX_LINE_BYTES = 1_000_000


@dataclass(frozen=True)
class Line:
    """One line of a recording: a report, or the reason why it is none.

    ``left_out`` are the report's optional fields that were wrong, with their values.
    """

    number: int
    report: Report | None
    reason: str = ""
    left_out: tuple[str, ...] = ()


def default_file(folder: str, name: str) -> Path:
    """Return the path of a file that comes with skyfence (``folder`` geodata or recordings)."""
    package = Path(skyfence.__file__).resolve().parent
    for root in (package / "data", package.parent):
        if (root / folder / name).is_file():
            return root / folder / name
    raise UnavailableError(f"{folder}/{name} is missing from this installation of skyfence")


def read_recording(name: str) -> Iterator[Line]:
    """Yield the lines of a recording; blank ones are left out.

    Raises ``UnavailableError`` where it cannot be opened, ``InputError`` where it is empty or not
    what its name says.
    """
    with ExitStack() as stack:
        stream = _open(name, stack)
        number = 0
        try:
            while raw := stream.readline(_MAX_LINE_BYTES):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(codecs.BOM_UTF8)  # editors on Windows write one
                if raw.strip():
                    yield _line(number, raw)
                while len(raw) == _MAX_LINE_BYTES and not raw.endswith(b"\n"):
                    raw = stream.readline(_MAX_LINE_BYTES)  # the rest of it is no line of its own
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name}: unreadable after line {number}: {error}") from None
        if number == 0:
            raise InputError(f"{name}: the file is empty")


def load_zones(
    zones: Path | None = None, regions: Path | None = None, added: Sequence[Path] = ()
) -> ZoneSet:
    """Read the zones to judge by: the default ones, or those of the files given.

    ``zones`` alone replaces all default zones, regions included; ``regions`` alone replaces the
    default regions and keeps the default countries. The zones of ``added`` files come on top.
    """
    files = [zones or default_file("geodata", "countries.geojson")]
    if regions is not None:
        files.append(regions)
    elif zones is None:
        files.append(default_file("geodata", "regions.geojson"))
    return zone_set(read_zones(path) for path in [*files, *added])


def zones_of(settings: Settings) -> ZoneSet:
    """Read the zones that a process is to judge by."""
    return load_zones(settings.zones, settings.regions, settings.add_zones)


def policy_of(settings: Settings, zones: ZoneSet) -> Policy:
    """Read the policy that a process is to judge by; each place that it names must be known."""
    return load_policy(settings.policy, zones)


def member_places(settings: Settings) -> Mapping[str, PlaceKind]:
    """Return the places that alerts can be for, with what they are; see ``ZoneSet.places``."""
    return zones_of(settings).places


def place_nations(settings: Settings) -> Mapping[str, str]:
    """Return the nation of each of ``member_places`` that lies in one."""
    zones = zones_of(settings)
    kinds = zones.places
    return {
        zone.id: zone.nation for zone in zones.zones if zone.id in kinds and zone.id != zone.nation
    }


def read_zones(path: Path) -> list[Zone]:
    """Read one zone file."""
    text = _text(path, "GeoJSON")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{path}: not GeoJSON: {error}") from None
    return parse_zones(document, str(path))


def load_policy(path: Path | None = None, zones: ZoneSet | None = None) -> Policy:
    """Read the policy to judge by: the default one, or that of the file given.

    Raises ``InputError`` with the first thing that is wrong, and with ``zones`` also where the
    policy names a place that is none of theirs.
    """
    text, where = policy_text(path)
    policy = parse_policy(text, where)
    unknown = [] if zones is None else unknown_places(text, where, zones.places, zones.names)
    if unknown:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        raise InputError(unknown[0] + more)
    return policy


def policy_text(path: Path | None = None) -> tuple[str, str]:
    """Return what a policy's file holds, and the file's name."""
    path = path or Path(skyfence.__file__).resolve().parent / "policy" / "default_policy.toml"
    return _text(path, "TOML"), str(path)


def load_catalogue(own: Path | None = None) -> Catalogue:
    """Read the words of all languages, and those in a folder of one's own (``*.toml``).

    Raises ``UnavailableError`` where the folder has none or a file cannot be opened, ``InputError``
    where one is wrong.
    """
    shipped = _text_files(Path(skyfence.__file__).resolve().parent / "texts")
    return parse_catalogue(shipped, () if own is None else _text_files(own))


def _text_files(folder: Path) -> list[TextFile]:
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise UnavailableError(f"{folder}: there are no texts (*.toml)")
    return [TextFile(path.stem, _text(path, "TOML"), str(path)) for path in paths]


def _text(path: Path, form: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not {form}: not UTF-8 text") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    return text


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        raw = stack.enter_context(Path(name).open("rb"))  # noqa: SIM115 - the stack closes it
    except OSError as error:
        raise UnavailableError(f"{name}: {describe_os_error(error)}") from None
    if name.endswith(".gz"):
        return stack.enter_context(gzip.open(raw))  # type: ignore[return-value]
    if name.endswith(".zst"):
        # Not with zstandard: its reader takes a file that was cut short for a whole one.
        unpacked = stack.enter_context(pa.CompressedInputStream(raw, "zstd"))
        return stack.enter_context(io.BufferedReader(unpacked))
    return raw


def _line(number: int, raw: bytes) -> Line:
    if len(raw) >= _MAX_LINE_BYTES:
        return Line(number, None, f"longer than {_MAX_LINE_BYTES} bytes")
    try:
        return Line(number, Report.model_validate_json(raw.rstrip()))
    except ValidationError as error:
        try:
            report, left_out = read_report(from_json(raw.rstrip()))
        except ValueError:  # pydantic's ValidationError among them: no report without them either
            return Line(number, None, describe_validation_error(error))
        return Line(number, report, left_out=left_out)
