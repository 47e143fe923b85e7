"""A finding about a zone file: what an author is told, by the strict parse and by an import."""

from dataclasses import dataclass
from typing import Literal

from skyfence.contracts.base import round_degrees
from skyfence.geometry.polygons import LonLat

FindingSeverity = Literal["error", "warning", "remark"]


@dataclass(frozen=True)
class Finding:
    """A finding about a zone file: in which feature, the reason, and the place (lon, lat).

    A file with an error cannot be used; a warning is likely a mistake; a remark is neither.
    """

    where: str  # the file, and the feature in it
    reason: str
    place: LonLat | None = None
    severity: FindingSeverity = "error"

    def __str__(self) -> str:
        """Return the finding as a line for people."""
        mark = "" if self.severity == "error" else f"{self.severity}: "
        at = "" if self.place is None else " at {} {}".format(*map(round_degrees, self.place))
        return f"{self.where}: {mark}{self.reason}{at}"
