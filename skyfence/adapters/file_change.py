"""Tells whether a file was written anew, without reading it."""

from pathlib import Path

Fingerprint = tuple[int, ...]


def fingerprint(path: Path) -> Fingerprint | None:
    """Return what changes when a file is written anew or replaced; None if it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)
