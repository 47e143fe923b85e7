"""Names of topics, groups and channels: two worlds that never share one."""

import pytest

from skyfence.naming import (
    Audience,
    Channel,
    Environment,
    Topics,
    commands_key,
    decisions_key,
    heartbeat_channel,
    held_key,
    is_zone_id,
    operators_channel,
    operators_key,
    outcomes_key,
    public_channel,
    status_key,
    status_last_writer_key,
    status_memory_key,
    status_writer_key,
)

ACTUAL, EXERCISE = Environment.ACTUAL, Environment.EXERCISE


def names(environment: Environment) -> set[str]:
    topics = Topics(environment)
    channels = [Channel(environment, audience, "RO-TL") for audience in Audience]
    names = {heartbeat_channel(environment)} | set(topics.partitions(8))
    for channel in channels:
        names |= {
            channel.name,
            channel.stream,
            channel.active,
            channel.acknowledged,
            channel.steps("i"),
        }
    of_status = (status_key, status_memory_key, status_writer_key, status_last_writer_key)
    for name in (*of_status, operators_key, held_key):
        names.add(name(environment))
    names |= {decisions_key(environment), commands_key(environment, "anna")}
    names |= {outcomes_key(environment, "anna")}
    return names | {topics.worker_group, topics.relay_group, topics.sink_group("sms")}


def test_environments_share_no_name() -> None:
    """No topic, group, channel, key or pattern of an exercise is one of the actual world's."""
    assert len(names(ACTUAL)) == len(names(EXERCISE)) == 31
    assert not names(ACTUAL) & names(EXERCISE)
    assert all(name.startswith("exercise") for name in names(EXERCISE))
    assert not any(name.startswith("exercise") for name in names(ACTUAL))


def test_names_are_the_documented_ones() -> None:
    """Operators subscribe to these names and configure rights on them: they are a contract."""
    assert operators_channel(ACTUAL, "RO-TL") == "alerts:RO-TL"
    assert operators_channel(EXERCISE, "NATO") == "exercise:alerts:NATO"
    assert public_channel(ACTUAL, "RO-TL") == "public:RO-TL"
    assert status_key(ACTUAL) == "status"
    assert status_key(EXERCISE) == "exercise:status"
    channel = Channel(EXERCISE, Audience.OPERATORS, "RO-TL")
    assert Channel.parse("exercise:alerts:RO-TL") == channel
    assert channel.stream == "exercise:stream:alerts:RO-TL"
    assert channel.active == "exercise:active:alerts:RO-TL"
    assert channel.steps("7c1e") == "exercise:steps:alerts:RO-TL:7c1e"
    assert heartbeat_channel(ACTUAL) == "heartbeat"
    assert Topics(EXERCISE).worker_group == "exercise.skyfence-worker"
    assert Topics(ACTUAL).track_events == "track.events"


@pytest.mark.parametrize("name", ["alerts", "alerts:", "other:RO", "alerts:R*", "x:alerts:RO"])
def test_what_is_no_channel_is_refused(name: str) -> None:
    """A name that is none of ours is an error, not a channel."""
    with pytest.raises(ValueError, match=r"is not a valid Audience|not a zone identifier"):
        Channel.parse(name)


def test_partitions_follow_the_tracks() -> None:
    """Crossings have a partition for each of the tracks'; a checkpoint has its topic's."""
    assert Topics(ACTUAL).partitions(6) == {
        "tracks": 6,
        "tracks.checkpoint": 6,
        "crossings": 6,
        "track.events": 1,
        "track.events.checkpoint": 1,
        "alerts": 4,
        "rejected": 1,
        "judged": 1,
    }


@pytest.mark.parametrize(
    "place",
    [
        "",
        "*",
        "RO*",
        "R?",
        "R[O]",
        "RO:TL",
        "RO TL",
        "RO-TL\n",
        "-RO",
        "[a]",
        "?",
        "Ā",
        "a" * 65,
        "../x",
    ],
)
def test_what_could_widen_a_channel_is_refused(place: str) -> None:
    """A glob, a colon, a blank or a line end never gets into a channel's name."""
    assert not is_zone_id(place)
    for make in (operators_channel, public_channel):
        with pytest.raises(ValueError, match="not a zone identifier"):
            make(ACTUAL, place)
