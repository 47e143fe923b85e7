"""Names under which things travel: environments, Kafka topics, consumer groups, Redis channels.

Exercise and actual are separate structures: every name is made here, from an ``Environment``, and
carries its prefix, so that no flag can be forgotten. Does not talk to Kafka or Redis.

    actual      tracks           alerts:RO-TL            group skyfence-worker
    exercise    exercise.tracks  exercise:alerts:RO-TL   group exercise.skyfence-worker
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

ALLIANCE = "NATO"
CHECKPOINT_SUFFIX = ".checkpoint"
# Zone identifiers become parts of channel names and of ACL patterns: no glob characters, no colon.
_ZONE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ZoneName = Annotated[str, Field(strict=True, pattern=f"^{_ZONE_ID.pattern}$")]


class Environment(StrEnum):
    """Which of the two separate worlds a process, a topic or a channel belongs to."""

    ACTUAL = "actual"
    EXERCISE = "exercise"

    @property
    def kafka_prefix(self) -> str:
        """Return what stands before every topic and group of this environment."""
        return "" if self is Environment.ACTUAL else "exercise."

    @property
    def redis_prefix(self) -> str:
        """Return what stands before every Redis key and channel of this environment."""
        return "" if self is Environment.ACTUAL else "exercise:"


@dataclass(frozen=True)
class Topics:
    """The Kafka topics and consumer groups of one environment."""

    environment: Environment

    def _name(self, name: str) -> str:
        return self.environment.kafka_prefix + name

    @property
    def tracks(self) -> str:
        """Frames of reports, keyed by source or source/shard."""
        return self._name("tracks")

    @property
    def crossings(self) -> str:
        """Every crossing, for the audit, keyed by source and track."""
        return self._name("crossings")

    @property
    def track_events(self) -> str:
        """What may matter to people; one partition, so that one agent sees everything."""
        return self._name("track.events")

    @property
    def alerts(self) -> str:
        """Alerts, keyed by incident."""
        return self._name("alerts")

    @property
    def rejected(self) -> str:
        """Unreadable or impossible input with its reason."""
        return self._name("rejected")

    def partitions(self, track_partitions: int) -> dict[str, int]:
        """Return how many partitions each topic has, given those of ``tracks``."""
        return {
            self.tracks: track_partitions,
            checkpoint_topic(self.tracks): track_partitions,
            self.crossings: track_partitions,
            self.track_events: 1,
            checkpoint_topic(self.track_events): 1,
            self.alerts: 4,  # keyed by incident; few messages, room for a few relays
            self.rejected: 1,
        }

    @property
    def worker_group(self) -> str:
        """Consumer group of the track and incident agents (the Faust app's id)."""
        return self._name("skyfence-worker")

    @property
    def relay_group(self) -> str:
        """Consumer group of the Redis relay."""
        return self._name("skyfence-relay")


def checkpoint_topic(topic: str) -> str:
    """Return the topic that keeps what an agent remembers of another topic's messages."""
    return topic + CHECKPOINT_SUFFIX


def is_zone_id(value: str) -> bool:
    """Tell whether a zone may carry this identifier (it becomes part of channel names)."""
    return _ZONE_ID.fullmatch(value) is not None


def operators_channel(environment: Environment, place: str) -> str:
    """Return the operators' channel of a region, a nation or the alliance.

    >>> operators_channel(Environment.EXERCISE, "RO-TL")
    'exercise:alerts:RO-TL'
    """
    return f"{environment.redis_prefix}alerts:{_checked(place)}"


def public_channel(environment: Environment, region: str) -> str:
    """Return the channel of a region's public text, which never carries a position."""
    return f"{environment.redis_prefix}public:{_checked(region)}"


def operators_pattern(environment: Environment) -> str:
    """Return the glob that matches all operators' channels of one environment."""
    return f"{environment.redis_prefix}alerts:*"


def steps_key(environment: Environment, place: str, incident_id: str) -> str:
    """Return the Redis key that holds the last step of an incident's chain for a place."""
    return f"{environment.redis_prefix}steps:{_checked(place)}:{incident_id}"


def stream_key(environment: Environment, place: str) -> str:
    """Return the Redis key of the stream that keeps a channel's last messages.

    >>> stream_key(Environment.EXERCISE, "RO-TL")
    'exercise:stream:RO-TL'
    """
    return f"{environment.redis_prefix}stream:{_checked(place)}"


def status_key(environment: Environment) -> str:
    """Return the Redis key of the hash that says how sources, lags and incidents are."""
    return f"{environment.redis_prefix}status"


def status_memory_key(environment: Environment) -> str:
    """Return the Redis key of what the monitor remembers from one run of its to the next."""
    return f"{environment.redis_prefix}status:memory"


def status_writer_key(environment: Environment) -> str:
    """Return the Redis key that names the one monitor which may write, while it lives."""
    return f"{environment.redis_prefix}status:writer"


def _checked(place: str) -> str:
    if not is_zone_id(place):
        raise ValueError(f"not a zone identifier: {place!r}")
    return place
