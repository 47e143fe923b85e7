"""npm's packages for tests: what examples/javascript locks, installed once into a cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from repository import ROOT

EXAMPLE = ROOT / "examples" / "javascript"


def modules() -> Path:
    """Return the folder node_modules; skip the test where there is no npm, or nothing to fetch."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm here")
    lock = (EXAMPLE / "package-lock.json").read_bytes()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skyfence-tests"
    folder = base / f"npm-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.exists():
        base.mkdir(parents=True, exist_ok=True)
        _install(npm, base, folder)
    return folder / "node_modules"


def _install(npm: str, base: Path, folder: Path) -> None:
    """Install beside, then rename: a run that is broken off leaves nothing half done."""
    with tempfile.TemporaryDirectory(dir=base) as beside:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(EXAMPLE / name, beside)
        run = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=beside,
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            pytest.skip(f"npm ci failed: {run.stderr.strip()[-200:]}")
        made = Path(beside) / "done"
        made.mkdir()
        (Path(beside) / "node_modules").rename(made / "node_modules")
        if not folder.exists():
            made.rename(folder)
