"""Where the repository's own files are, whichever folder a test lies in."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
GOLDEN: Final = ROOT / "tests" / "golden"
# What earlier releases wrote, by their commits.
FORMATS: Final = ROOT / "tests" / "formats"
# Two members (AA, BB), their regions, and a stranger (XX).
ZONES: Final = ROOT / "tests" / "integration" / "zones.geojson"
