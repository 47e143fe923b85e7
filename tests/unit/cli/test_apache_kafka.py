"""Which Apache Kafka `skyfence up` starts: the one that KAFKA_HOME names, if Java is there."""

from pathlib import Path

import pytest

from skyfence.cli.local.apache_kafka import Installation, installation


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a Kafka and a Java into a folder, the latter on the path."""
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-4.3.1.jar").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(mode=0o755)
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def test_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the Java of the path, or that of JAVA_HOME."""
    expected = Installation(str(tmp_path / "bin" / "java"), tmp_path / "libs")
    assert installation() == expected
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert installation() == expected


@pytest.mark.parametrize("variable", ["KAFKA_HOME", "PATH"])
def test_without_one_of_the_two_there_is_none(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded broker serves then."""
    monkeypatch.setenv(variable, "/nowhere")
    assert installation() is None


def test_a_folder_without_kafka_is_none(tmp_path: Path) -> None:
    """Kafka's jars are in ``libs``."""
    (tmp_path / "libs" / "kafka_2.13-4.3.1.jar").unlink()
    assert installation() is None
