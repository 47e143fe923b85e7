"""The core of skyfence: judging tracks against zones, and what travels between its processes.

The folders lie in layers, from ``contracts`` and ``geometry`` up to ``cli``; ARCHITECTURE.md has a
row for each. The domain does no I/O, reads no clock and draws no random number: time arrives as
data. ``adapters`` holds what touches the world; ``client`` and ``zone_import.readers`` use it.
"""

__version__ = "0.1.0"
