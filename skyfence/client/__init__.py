"""A subscriber's side: every message once and in order, over cuts and restarts."""

from skyfence.client.feed import (
    AlertFeed,
    Alive,
    Connected,
    Disconnected,
    FeedEvent,
    Judged,
    Missed,
    Received,
    Silent,
    Unjudged,
)
from skyfence.client.place_states import read_places

__all__ = [
    "AlertFeed",
    "Alive",
    "Connected",
    "Disconnected",
    "FeedEvent",
    "Judged",
    "Missed",
    "Received",
    "Silent",
    "Unjudged",
    "read_places",
]
