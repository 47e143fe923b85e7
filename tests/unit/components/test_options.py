"""A component's options: where their values come from, and what is said of a wrong one."""

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, SecretStr

from producers.source import Source, SourceComponent, SourceContext
from skyfence.adapters.settings import PREFIX
from skyfence.components.component import ComponentOptions
from skyfence.components.options import load_options
from skyfence.errors import InputError, UnavailableError, UsageError


class Options(ComponentOptions):
    """Options of every type."""

    port: Annotated[int, Field(ge=1, description="A number.")]
    unit: Annotated[Literal["m", "ft"], Field(description="A word.")] = "m"
    columns: Annotated[tuple[str, ...], Field(description="Words.")] = ()
    names: Annotated[dict[str, str], Field(description="Pairs.", default_factory=dict)]
    password: Annotated[SecretStr | None, Field(description="A secret.", min_length=6)] = None


def never(_: Options, __: SourceContext) -> AbstractAsyncContextManager[Source]:
    """Refuse to open."""
    raise AssertionError


COMPONENT = SourceComponent(
    name="csv-tcp", summary="a test's", guarantee="none", options=Options, open=never
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the tests may hold."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def loaded(command: dict[str, Any], config: Path | None = None, **more: Any) -> Any:
    """Return the options."""
    return load_options(COMPONENT, command, config, **more)


def refusal(command: dict[str, Any], config: Path | None = None, **more: Any) -> str:
    """Return why options are refused."""
    with pytest.raises(UsageError) as caught:
        loaded(command, config, **more)
    return str(caught.value)


def test_the_command_wins_then_the_environment_then_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each field is taken from the first of option, variable, file and default that has it."""
    config = tmp_path / "feed.toml"
    config.write_text('port = 1\nunit = "ft"\ncolumns = ["a", "b"]\n')
    assert (loaded({}, config).port, loaded({}, config).unit) == (1, "ft")
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_PORT", "2")
    assert loaded({}, config).port == 2
    assert loaded({"port": "3"}, config).port == 3
    assert loaded({"port": "3"}).unit == "m"
    assert loaded({}, config).columns == ("a", "b")


def test_lists_and_pairs_are_written_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is words between commas or an option given again; pairs have an equals sign."""
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_COLUMNS", "time,lat")
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_NAMES", "lat=latitude,lon=longitude")
    options = loaded({"port": "1"})
    assert options.columns == ("time", "lat")
    assert options.names == {"lat": "latitude", "lon": "longitude"}
    options = loaded({"port": "1", "columns": ("a", "b"), "names": ("x=y=z",)})
    assert (options.columns, options.names) == (("a", "b"), {"x": "y=z"})


def test_an_error_names_the_place_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Option, variable or file: whoever gave the value is told, and which value it was."""
    assert refusal({"port": "x"}).startswith("--port: input should be a valid integer")
    config = tmp_path / "feed.toml"
    config.write_text("port = 0\n")
    assert refusal({}, config) == (
        f"{config}: port: input should be greater than or equal to 1, got 0"
    )
    config.write_text("port = 1\nspeed = 2\n")
    assert refusal({}, config) == f"{config}: speed: unknown field, got 2"
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_PORT", "0")
    assert refusal({}).startswith("SKYFENCE_SOURCE_CSV_TCP_PORT: input should be greater")
    monkeypatch.delenv("SKYFENCE_SOURCE_CSV_TCP_PORT")
    assert refusal({}) == (
        "source csv-tcp: port is missing, give it with --port or SKYFENCE_SOURCE_CSV_TCP_PORT"
    )


def test_a_variable_of_no_option_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a wrong name has no silent effect; another component's is its own affair."""
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_PROT", "1")
    assert refusal({"port": "1"}).startswith(
        "SKYFENCE_SOURCE_CSV_TCP_PROT: csv-tcp has no such option, it has: port, unit"
    )
    others = ("SKYFENCE_SOURCE_CSV_TCP_PROT",)
    assert loaded({"port": "1"}, others=others).port == 1


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret comes by variable or file, and no error repeats it."""
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_PASSWORD", "abc12")
    reason = refusal({"port": "1"})
    assert reason.startswith("SKYFENCE_SOURCE_CSV_TCP_PASSWORD: ")
    assert "abc12" not in reason
    monkeypatch.setenv("SKYFENCE_SOURCE_CSV_TCP_PASSWORD", "hunter2")
    options = loaded({"port": "1"})
    assert options.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(options)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    """A file that is missing or not TOML is an error of its own."""
    with pytest.raises(UnavailableError, match=r"nothing\.toml: no such file"):
        loaded({}, tmp_path / "nothing.toml")
    (tmp_path / "bad.toml").write_text("port")
    with pytest.raises(InputError, match=r"bad\.toml: not TOML: "):
        loaded({}, tmp_path / "bad.toml")
