"""The core of skyfence: what a report, a zone, a crossing, an incident and an alert are.

The domain modules here do no I/O, read no clock and draw no random number: time arrives as data.
Only ``settings``, ``files``, ``client``, ``logs``, ``health`` and ``cli`` touch the world.
"""

__version__ = "0.1.0"
