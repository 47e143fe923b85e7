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
        """Return the topic of frames of reports, keyed by source or source/shard."""
        return self._name("tracks")

    @property
    def crossings(self) -> str:
        """Return the topic of every crossing, for the audit, keyed by source and track."""
        return self._name("crossings")

    @property
    def track_events(self) -> str:
        """Return the topic of track events; one partition, so that one agent sees all of them."""
        return self._name("track.events")

    @property
    def alerts(self) -> str:
        """Return the topic of alerts, keyed by run and place, or by incident."""
        return self._name("alerts")

    @property
    def rejected(self) -> str:
        """Return the topic of input that was not used, with its reason."""
        return self._name("rejected")

    @property
    def judged(self) -> str:
        """Return the topic that says until when everything has been judged: the newest counts."""
        return self._name("judged")

    def partitions(self, track_partitions: int) -> dict[str, int]:
        """Return how many partitions each topic has, given those of ``tracks``."""
        return {
            self.tracks: track_partitions,
            checkpoint_topic(self.tracks): track_partitions,
            self.crossings: track_partitions,
            self.track_events: 1,
            checkpoint_topic(self.track_events): 1,
            self.alerts: 4,  # keyed by place or incident; few messages, room for a few relays
            self.rejected: 1,
            self.judged: 1,
        }

    @property
    def worker_group(self) -> str:
        """Return the consumer group of both agents, which is the Faust app's id."""
        return self._name("skyfence-worker")

    @property
    def relay_group(self) -> str:
        """Return the consumer group of the Redis relay."""
        return self._name("skyfence-relay")

    def sink_group(self, name: str) -> str:
        """Return the consumer group of another sink, which reads all alerts for itself."""
        return self._name(f"skyfence-{name}")


def checkpoint_topic(topic: str) -> str:
    """Return the topic that keeps what an agent remembers of another topic's messages."""
    return topic + CHECKPOINT_SUFFIX


def is_zone_id(value: str) -> bool:
    """Tell whether a zone may carry this identifier (it becomes part of channel names)."""
    return _ZONE_ID.fullmatch(value) is not None


class Audience(StrEnum):
    """Whom a channel is for."""

    OPERATORS = "alerts"
    PUBLIC = "public"


@dataclass(frozen=True)
class Channel:
    """A Redis channel, and the keys that belong to it.

    Raises ``ValueError`` for a place that is no zone identifier.

    >>> Channel(Environment.EXERCISE, Audience.OPERATORS, "RO-TL").stream
    'exercise:stream:alerts:RO-TL'
    """

    environment: Environment
    audience: Audience
    place: str

    def __post_init__(self) -> None:
        if not is_zone_id(self.place):
            raise ValueError(f"not a zone identifier: {self.place!r}")

    @classmethod
    def parse(cls, name: str) -> "Channel":
        """Read a channel's name; raise ``ValueError`` if it is none."""
        rest = name.removeprefix(Environment.EXERCISE.redis_prefix)
        environment = Environment.ACTUAL if rest == name else Environment.EXERCISE
        audience, _, place = rest.partition(":")
        return cls(environment, Audience(audience), place)

    @property
    def name(self) -> str:
        """Return the channel's name in Redis, as subscribers give it."""
        return self._key()

    @property
    def stream(self) -> str:
        """Return the key of the stream that keeps the channel's last messages."""
        return self._key("stream")

    @property
    def active(self) -> str:
        """Return the key of the hash of active messages: an open incident's id to its last one."""
        return self._key("active")

    @property
    def acknowledged(self) -> str:
        """Return the key of the hash of acknowledgements: an incident's id to who, and when."""
        return self._key("acknowledged")

    def steps(self, incident_id: str) -> str:
        """Return the key that holds the last step of an incident's chain here."""
        return f"{self._key('steps')}:{incident_id}"

    def _key(self, *kind: str) -> str:
        return self.environment.redis_prefix + ":".join((*kind, self.audience, self.place))


def operators_channel(environment: Environment, place: str) -> str:
    """Return the operators' channel of a region, a nation or the alliance.

    >>> operators_channel(Environment.EXERCISE, "RO-TL")
    'exercise:alerts:RO-TL'
    """
    return Channel(environment, Audience.OPERATORS, place).name


def public_channel(environment: Environment, region: str) -> str:
    """Return the channel of a region's public text, which never carries a position."""
    return Channel(environment, Audience.PUBLIC, region).name


def heartbeat_channel(environment: Environment) -> str:
    """Return the channel of heartbeats: every five seconds, while alerts would be published."""
    return f"{environment.redis_prefix}heartbeat"


def recipient(environment: Environment, name: str) -> str:
    """Return the recipient that an outbox's items name; an exercise's differ from actual ones.

    >>> recipient(Environment.EXERCISE, "duty-office")
    'exercise:duty-office'
    """
    return environment.redis_prefix + name


def places_key(environment: Environment) -> str:
    """Return the key of the hash of places' states: ``run/place`` to the place's last message.

    Its field ``runs`` lists the runs that are kept.
    """
    return f"{environment.redis_prefix}places"


def relayed_key(environment: Environment) -> str:
    """Return the key of the hash of how far alerts were handed over: ``group/partition`` to offset.

    The offset is that in ``alerts`` from which on Redis has not been given any.
    """
    return f"{environment.redis_prefix}relayed"


def operators_key(environment: Environment) -> str:
    """Return the Redis key of the hash of operators: name to channels and role."""
    return f"{environment.redis_prefix}operators"


def commands_key(environment: Environment, operator: str) -> str:
    """Return the key of an operator's own stream of commands; the name in it says who commands."""
    return f"{environment.redis_prefix}commands:{operator}"


def outcomes_key(environment: Environment, operator: str) -> str:
    """Return the key of the stream that tells an operator the outcomes of commands."""
    return f"{environment.redis_prefix}outcomes:{operator}"


def held_key(environment: Environment) -> str:
    """Return the key of the hash of public messages that await release."""
    return f"{environment.redis_prefix}held"


def decisions_key(environment: Environment) -> str:
    """Return the key of the stream that keeps every decision on a public message."""
    return f"{environment.redis_prefix}decisions"


def audit_key(environment: Environment) -> str:
    """Return the key of the stream that keeps every operator's command, and what became of it."""
    return f"{environment.redis_prefix}audit"


def sms_recipients_key(environment: Environment, gateway: str) -> str:
    """Return the key of the hash of an SMS gateway's recipients, where they stand in Redis."""
    return f"{environment.redis_prefix}sms:recipients:{gateway}"


def sms_opt_outs_key(environment: Environment) -> str:
    """Return the key of the set of numbers that want no SMS, where they stand in Redis."""
    return f"{environment.redis_prefix}sms:opt-outs"


def status_key(environment: Environment) -> str:
    """Return the Redis key of the hash that says how sources, lags and incidents are."""
    return f"{environment.redis_prefix}status"


def status_memory_key(environment: Environment) -> str:
    """Return the Redis key of the state that a monitor leaves to the next one."""
    return f"{environment.redis_prefix}status:memory"


def status_writer_key(environment: Environment) -> str:
    """Return the Redis key that names the one monitor which may write, while it lives."""
    return f"{environment.redis_prefix}status:writer"


def status_last_writer_key(environment: Environment) -> str:
    """Return the Redis key that names the monitor which wrote last, alive or not."""
    return f"{environment.redis_prefix}status:last-writer"
