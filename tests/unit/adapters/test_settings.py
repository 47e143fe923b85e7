"""Settings: what is read from the environment, and what is said when it is wrong."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from skyfence.adapters.settings import (
    PREFIX,
    KafkaSettings,
    MetricsSettings,
    RedisSettings,
    Settings,
    environment_of,
    load,
)
from skyfence.errors import UsageError
from skyfence.naming import Environment

SLOT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
ADDRESSES = r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what the environment of the tests may hold."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_defaults_are_safe(tmp_path: Path) -> None:
    """Without an environment everything is this machine's own, and an exercise."""
    settings = load()
    assert settings.environment is Environment.EXERCISE
    assert settings.kafka.bootstrap.startswith("127.0.0.1:")
    assert settings.redis.url.startswith("redis://127.0.0.1:")
    assert settings.runtime_file == tmp_path / "skyfence" / "up.json"
    assert settings.topics.tracks == "exercise.tracks"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ENVIRONMENT", "test", "input should be 'actual' or 'exercise', got 'test'"),
        ("TRACK_PARTITIONS", "0", "input should be greater than or equal to 1, got '0'"),
        ("REPLICATION", "10", "input should be less than or equal to 9, got '10'"),
        ("WORKER_SLOT", "-1", rf"string should match pattern '{SLOT}', got '-1'"),
        ("KAFKA_BOOTSTRAP", "kafka", rf"string should match pattern '{ADDRESSES}', got 'kafka'"),
        ("REDIS_URL", "http://:secret@x", "string should match pattern '^(rediss?|unix)://'"),
    ],
)
def test_a_bad_value_is_one_exact_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    """A wrong setting is named as its variable, with the reason and the value."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(UsageError) as caught:
        load()
    assert str(caught.value) == f"SKYFENCE_{name}: {reason}"
    assert caught.value.exit_code == 2


def test_several_bad_values_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first wrong setting is named and the others counted, still on one line."""
    monkeypatch.setenv("SKYFENCE_ENVIRONMENT", "test")
    monkeypatch.setenv("SKYFENCE_REPLICATION", "0")
    with pytest.raises(UsageError, match=r"^SKYFENCE_ENVIRONMENT: .*'test' \(and 1 more\)$"):
        load()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither writing settings nor printing them shows the password."""
    monkeypatch.setenv("SKYFENCE_REDIS_PASSWORD", "hunter2")
    settings = load()
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == "hunter2"
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text


def test_settings_survive_the_way_to_a_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A child started with the environment made of settings reads the same settings."""
    given = Settings(
        environment=Environment.ACTUAL,
        kafka=KafkaSettings(bootstrap="a:1,b:2"),
        redis=RedisSettings(url="unix:///run/valkey.sock", password=SecretStr("hunter2")),
        metrics=MetricsSettings(port=0),
        track_partitions=3,
        worker_slot="0",
        zones=tmp_path / "zones.geojson",
        add_zones=(tmp_path / "plants.geojson", tmp_path / "ranges.geojson"),
        health_file=tmp_path / "health",
    )
    monkeypatch.setenv("SKYFENCE_REGIONS", "left over")
    monkeypatch.setenv("OTHER", "kept")
    environment = environment_of(given)
    assert environment["OTHER"] == "kept"
    assert "SKYFENCE_REGIONS" not in environment
    monkeypatch.delenv("SKYFENCE_REGIONS")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load() == given


def test_a_slot_names_a_member_of_each_group() -> None:
    """A worker slot makes a fixed name in a consumer group; without one there is none."""
    assert Settings(worker_slot="2").instance_id("skyfence-relay") == "skyfence-relay-2"
    assert Settings().instance_id("skyfence-relay") is None


def test_environments_share_no_topic_and_no_group() -> None:
    """No topic or group of the exercise is one of the actual environment."""
    exercise, actual = (Settings(environment=environment).topics for environment in Environment)
    names = [
        {*topics.partitions(8), topics.worker_group, topics.relay_group}
        for topics in (exercise, actual)
    ]
    assert not names[0] & names[1]
    assert len(names[0]) == len(names[1]) == 10
