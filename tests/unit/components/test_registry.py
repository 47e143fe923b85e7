"""The registry: installed components are found by name, and what cannot be used is named."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from skyfence.components import registry
from skyfence.errors import UsageError

REPLAY = EntryPoint("replay", "producers.replay:COMPONENT", "skyfence.sources")


def installed(*entries: EntryPoint) -> registry.FindEntryPoints:
    """Return how entry points are found where only these are installed."""
    return lambda group: [entry for entry in entries if entry.group == group]


def refusal(name: str, *entries: EntryPoint) -> str:
    """Return why a source cannot be loaded."""
    with pytest.raises(UsageError) as caught:
        registry.load("source", name, installed(*entries))
    return str(caught.value)


def test_what_comes_with_skyfence_is_installed() -> None:
    """The entry points of this package name its own sources and sinks."""
    assert "replay" in registry.names("source")
    assert {"apprise", "redis", "sms", "webhooks"} <= set(registry.names("sink"))


def test_a_component_is_loaded_by_its_name() -> None:
    """A source is found among sources, and a sink of the same name is no source."""
    sink = EntryPoint("other", "consumers.channels.component:COMPONENT", "skyfence.sinks")
    find = installed(REPLAY, sink)
    assert registry.load("source", "replay", find).name == "replay"
    assert registry.names("source", find) == ["replay"]
    assert refusal("other", REPLAY, sink) == "no source is called 'other', there are: replay"


def test_without_any_the_error_says_so() -> None:
    """Where nothing is installed, the error does not end in an empty list."""
    assert refusal("replay") == "no source is called 'replay', there are: none"


def test_two_of_one_name_are_refused_with_both() -> None:
    """Which of two would run is nobody's guess: both places are named."""
    double = EntryPoint("replay", "other.place:COMPONENT", "skyfence.sources")
    assert refusal("replay", REPLAY, double) == (
        "2 sources are called 'replay': other.place:COMPONENT and producers.replay:COMPONENT"
    )


def test_what_cannot_be_imported_is_named_with_the_reason() -> None:
    """A module that fails names its entry point and the error, and its neighbours still load."""
    broken = EntryPoint("broken", "no_such_module:COMPONENT", "skyfence.sources")
    assert refusal("broken", REPLAY, broken) == (
        "source broken: no_such_module:COMPONENT: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert registry.load("source", "replay", installed(REPLAY, broken)).name == "replay"


@pytest.mark.parametrize("name", ["list", "CSV", "csv_tcp", "-x"])
def test_names_have_one_form(name: str) -> None:
    """Names are words with "-" between them, and not the word that lists all."""
    entry = EntryPoint(name, "producers.replay:COMPONENT", "skyfence.sources")
    assert refusal(name, entry).startswith(f"source {name!r}: no name for a component")


def test_what_is_no_description_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point that leads to something else, or to a sink, is no source."""
    module = ModuleType("a_module")
    module.COMPONENT = object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_module", module)
    other = EntryPoint("other", "a_module:COMPONENT", "skyfence.sources")
    assert refusal("other", other) == "source other: a_module:COMPONENT describes no source"
    sink = EntryPoint("redis", "consumers.channels.component:COMPONENT", "skyfence.sources")
    assert refusal("redis", sink).endswith("describes no source")


def test_the_description_must_agree_about_the_name() -> None:
    """An entry point under another name than the description's is refused."""
    entry = EntryPoint("again", "producers.replay:COMPONENT", "skyfence.sources")
    assert refusal("again", entry).endswith("is called 'replay' by its description")
