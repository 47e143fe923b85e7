"""The runtime file: who may read it, and when it is believed."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from skyfence.adapters.settings import PREFIX, Settings, load
from skyfence.cli.local import runtime_file
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return settings of a running skyfence, whose runtime file the environment names."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SKYFENCE_RUNTIME_FILE", str(tmp_path / "state" / "up.json"))
    return load().changed(
        kafka={"bootstrap": "127.0.0.1:9999"},
        redis={"url": "redis://127.0.0.1:7777/0", "password": SecretStr("hunter2")},
        track_partitions=3,
        zones=tmp_path / "zones.geojson",
    )


def dead_pid() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def change(settings: Settings, **changes: object) -> None:
    """Change what the runtime file says."""
    reached = json.loads(settings.runtime_file.read_text())
    settings.runtime_file.write_text(json.dumps(reached | changes))


def test_only_its_user_may_read_it(settings: Settings) -> None:
    """The file holds a password and is readable by its user alone, whatever stood there before."""
    settings.runtime_file.parent.mkdir()
    settings.runtime_file.write_text("old")
    settings.runtime_file.chmod(0o644)
    path = runtime_file.write(settings)
    assert path == settings.runtime_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("environment", list(Environment))
def test_it_tells_how_to_reach_it(settings: Settings, environment: Environment) -> None:
    """Who reaches it gets its addresses, password and zones, for the environment asked for."""
    runtime_file.write(settings)
    reached = runtime_file.reach(environment)
    assert reached.environment is environment
    for name in ("kafka", "redis", "track_partitions", "zones"):
        assert getattr(reached, name) == getattr(settings, name), name


def test_what_serves_exercises_alone_is_reached_for_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for the actual world hears why, unless the environment names another Kafka."""
    runtime_file.write(settings, [Environment.EXERCISE])
    assert runtime_file.reach(Environment.EXERCISE).kafka == settings.kafka
    with pytest.raises(UsageError, match="embedded kafka is for exercises"):
        runtime_file.reach(Environment.ACTUAL)
    monkeypatch.setenv(PREFIX + "KAFKA_BOOTSTRAP", "kafka.example:9092")
    assert runtime_file.reach(Environment.ACTUAL).kafka.bootstrap == "kafka.example:9092"


def test_zones_are_found_from_anywhere(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zones named relative to one directory are found from another."""
    monkeypatch.chdir(tmp_path)
    runtime_file.write(settings.model_copy(update={"zones": Path("mine.geojson")}))
    monkeypatch.chdir("/")
    assert runtime_file.reach(Environment.EXERCISE).zones == tmp_path / "mine.geojson"


def test_a_dead_process_is_not_running(settings: Settings) -> None:
    """A file whose process has ended is not believed."""
    runtime_file.write(settings)
    assert runtime_file.running_pid(settings) == os.getpid()
    change(settings, pid=dead_pid())
    assert runtime_file.running_pid(settings) is None
    with pytest.raises(UnavailableError, match="no skyfence is running here"):
        runtime_file.reach(Environment.EXERCISE)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"pid": null}', '{"pid": "x"}'])
def test_without_a_proper_file_nothing_runs(settings: Settings, text: str | None) -> None:
    """A missing or broken file means that nothing runs, and is no other error."""
    settings.runtime_file.parent.mkdir()
    if text is not None:
        settings.runtime_file.write_text(text)
    assert runtime_file.running_pid(settings) is None
    with pytest.raises(UnavailableError, match="no skyfence is running here"):
        runtime_file.reach(Environment.EXERCISE)


@pytest.mark.parametrize(
    ("name", "value"),
    [("KAFKA_BOOTSTRAP", "kafka.example:9092"), ("REDIS_URL", "redis://redis.example:6379/0")],
)
def test_the_environment_wins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Who names a Kafka or a Redis means that one; the other is the running skyfence's."""
    runtime_file.write(settings)
    monkeypatch.setenv(PREFIX + name, value)
    reached = runtime_file.reach(Environment.ACTUAL)
    server, _, field = name.lower().partition("_")
    expected = settings.changed(**{server: {field: value}})
    assert reached.environment is Environment.ACTUAL
    assert (reached.kafka.bootstrap, reached.redis.url) == (
        expected.kafka.bootstrap,
        expected.redis.url,
    )
    # The file's password is for the file's Redis, and is sent to no other.
    assert (reached.redis.password is None) == (name == "REDIS_URL")
    assert reached.track_partitions == settings.track_partitions


def test_a_login_goes_only_where_it_belongs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kafka's login is found again; another Kafka gets none of it, another user none of the old."""
    sasl = {
        "security_protocol": "SASL_PLAINTEXT",
        "user": "exercise-producer",
        "password": SecretStr("hunter2"),
    }
    runtime_file.write(settings.changed(kafka=sasl))
    reached = runtime_file.reach(Environment.EXERCISE)
    assert reached.kafka.model_dump(include=set(sasl)) == sasl
    monkeypatch.setenv(PREFIX + "KAFKA_BOOTSTRAP", "kafka.example:9092")
    reached = runtime_file.reach(Environment.EXERCISE)
    assert reached.kafka.security_protocol == "PLAINTEXT"
    assert (reached.kafka.user, reached.kafka.password) == (None, None)
    monkeypatch.delenv(PREFIX + "KAFKA_BOOTSTRAP")
    (tmp_path / "operator.txt").write_text("hunter3")
    monkeypatch.setenv(PREFIX + "REDIS_USER", "exercise-operator")
    monkeypatch.setenv(PREFIX + "REDIS_PASSWORD_FILE", str(tmp_path / "operator.txt"))
    reached = runtime_file.reach(Environment.EXERCISE)
    assert (reached.redis.user, reached.redis.password) == ("exercise-operator", None)
    assert reached.redis.url == settings.redis.url


def test_the_environment_is_enough(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no skyfence runs, a named Kafka is used with the default Redis."""
    monkeypatch.setenv(PREFIX + "KAFKA_BOOTSTRAP", "kafka.example:9092")
    reached = runtime_file.reach(Environment.ACTUAL)
    assert (reached.kafka.bootstrap, reached.redis.url) == ("kafka.example:9092", load().redis.url)


def test_removing_it_twice_is_fine(settings: Settings) -> None:
    """After its end nothing is left, and ending again is no error."""
    path = runtime_file.write(settings)
    runtime_file.remove(settings)
    runtime_file.remove(settings)
    assert not path.exists()
