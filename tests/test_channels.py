"""Names of topics, groups and channels: two worlds that never share one."""

import pytest

from skyfence.channels import (
    Environment,
    Topics,
    is_zone_id,
    operators_channel,
    operators_pattern,
    public_channel,
    status_key,
    status_memory_key,
    status_writer_key,
    steps_key,
    stream_key,
)

ACTUAL, EXERCISE = Environment.ACTUAL, Environment.EXERCISE


def names(environment: Environment) -> set[str]:
    topics = Topics(environment)
    channels = {operators_channel(environment, "RO-TL"), public_channel(environment, "RO-TL")}
    keys = {steps_key(environment, place, "i") for place in ("RO", "NATO")}
    keys |= {name(environment) for name in (status_key, status_memory_key, status_writer_key)}
    groups = {topics.worker_group, topics.relay_group}
    return set(topics.partitions(8)) | groups | channels | keys | {operators_pattern(environment)}


def test_environments_share_no_name() -> None:
    """No topic, group, channel, key or pattern of an exercise is one of the actual world's."""
    assert len(names(ACTUAL)) == len(names(EXERCISE)) == 17
    assert not names(ACTUAL) & names(EXERCISE)
    assert all(name.startswith("exercise") for name in names(EXERCISE))
    assert not any(name.startswith("exercise") for name in names(ACTUAL))


def test_names_are_the_documented_ones() -> None:
    """Operators subscribe to these names and configure rights on them: they are a contract."""
    assert operators_channel(ACTUAL, "RO-TL") == "alerts:RO-TL"
    assert operators_channel(EXERCISE, "NATO") == "exercise:alerts:NATO"
    assert public_channel(ACTUAL, "RO-TL") == "public:RO-TL"
    assert operators_pattern(EXERCISE) == "exercise:alerts:*"
    assert status_key(ACTUAL) == "status"
    assert status_key(EXERCISE) == "exercise:status"
    assert steps_key(ACTUAL, "RO", "7c1e") == "steps:RO:7c1e"
    assert stream_key(EXERCISE, "RO-TL") == "exercise:stream:RO-TL"
    assert Topics(EXERCISE).worker_group == "exercise.skyfence-worker"
    assert Topics(ACTUAL).track_events == "track.events"


def test_an_actual_pattern_matches_no_exercise_channel() -> None:
    """A subscriber of the actual alerts is never woken by an exercise: the prefix comes first."""
    prefix = operators_pattern(ACTUAL).removesuffix("*")
    assert not operators_channel(EXERCISE, "RO").startswith(prefix)
    assert not public_channel(ACTUAL, "RO").startswith(prefix)


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
