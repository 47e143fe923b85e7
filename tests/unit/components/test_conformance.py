"""Every installed component keeps what docs/components.md asks of it."""

import asyncio
import importlib.util
import re
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from prometheus_client import REGISTRY
from repository import ROOT
from sink_rigs import SINK_RIGS

from skyfence.adapters.hosts import is_loopback
from skyfence.components import registry
from skyfence.components.component import Kind
from skyfence.components.options import is_secret, option_name
from skyfence.components.registry import AnyComponent
from skyfence.contracts.rejected import ReasonClass

KINDS: tuple[Kind, ...] = ("source", "sink")
ALL = [(kind, name) for kind in KINDS for name in registry.names(kind)]
START_S = 60  # a library of its own may be slow to load
STOP_S = 5
each_component = pytest.mark.parametrize(("kind", "name"), ALL)


def described(kind: Kind, name: str) -> tuple[AnyComponent, str]:
    """Return a component, and what its page says."""
    component = registry.load(kind, name)
    return component, (ROOT / component.docs).read_text()


def rig_of(name: str) -> Any:
    """Return how the test of a component opens it on a peer of its own (docs/components.md)."""
    if name in SINK_RIGS:
        return SINK_RIGS[name]
    file = f"test_{name.replace('-', '_')}.py"
    rigs = [
        module.conformance_rig
        for module in map(_loaded, (ROOT / "tests/unit").rglob(file))
        if hasattr(module, "conformance_rig")
    ]
    assert rigs, f"tests/unit/**/{file} has no conformance_rig"
    return rigs[0]


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"rig_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@each_component
def test_the_page_begins_with_what_is_promised(kind: Kind, name: str) -> None:
    """A page exists, and says what is guaranteed."""
    component, page = described(kind, name)
    assert component.summary
    assert component.guarantee
    if component.docs.startswith(f"docs/{kind}s/"):  # a page of its own
        assert "**Guarantee:" in page.split("\n\n")[1], "the first paragraph says it"


@each_component
def test_the_docstring_says_what_is_promised(kind: Kind, name: str) -> None:
    """The module that opens a component has a paragraph `Guarantee:` before any diagram."""
    component, _ = described(kind, name)
    docstring = sys.modules[component.open.__module__].__doc__ or ""
    paragraphs = docstring.split("\n\n")
    assert any(paragraph.startswith("Guarantee: ") for paragraph in paragraphs[:2])


@each_component
def test_options_are_described(kind: Kind, name: str) -> None:
    """Each option has a description, and stands on the page."""
    component, page = described(kind, name)
    for field, info in component.options.model_fields.items():
        assert info.description, field
        variable = component.variable_prefix + field.upper()
        if component.docs.startswith(f"docs/{kind}s/"):
            assert (variable if is_secret(info) else option_name(field)) in page, field


@each_component
def test_defaults_are_safe(kind: Kind, name: str) -> None:
    """Nothing listens beyond loopback, and no secret has a default."""
    component, _ = described(kind, name)
    for field, info in component.options.model_fields.items():
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        if isinstance(default, str) and re.fullmatch(r"\S+:\d+", default):
            assert is_loopback(default.rpartition(":")[0]), field
        if is_secret(info):
            assert default is None, field


@each_component
def test_its_metrics_exist(kind: Kind, name: str) -> None:
    """Each metric that a description lists is registered, and stands in the documents."""
    component, page = described(kind, name)
    known = {family.name for family in REGISTRY.collect()}
    documents = page + (ROOT / "docs/operations.md").read_text()
    for metric in component.metrics:
        assert metric in known
        assert metric in documents


@each_component
async def test_it_starts_and_stops_in_time(kind: Kind, name: str, tmp_path: Path) -> None:
    """Opened on a loopback peer and closed again, within bounds, it leaves no task behind."""
    del kind
    rig: AbstractAsyncContextManager[Any] = rig_of(name)(tmp_path)
    before = asyncio.all_tasks()
    async with asyncio.timeout(START_S):
        await rig.__aenter__()
    async with asyncio.timeout(STOP_S):
        await rig.__aexit__(None, None, None)
    await asyncio.sleep(0)
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}


@each_component
async def test_it_stops_when_cancelled(kind: Kind, name: str, tmp_path: Path) -> None:
    """Cancelled while it works, it ends in time and leaves no task behind."""
    del kind
    opened, rig = asyncio.Event(), rig_of(name)

    async def work() -> None:
        async with rig(tmp_path):
            opened.set()
            await asyncio.Event().wait()

    before = asyncio.all_tasks()
    working = asyncio.ensure_future(work())
    waiting = asyncio.ensure_future(opened.wait())
    async with asyncio.timeout(START_S):
        await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
    assert opened.is_set(), working.exception()
    working.cancel()
    async with asyncio.timeout(STOP_S):
        await asyncio.wait({working})
    assert working.cancelled()
    assert not {task for task in asyncio.all_tasks() - before if not task.done()}


def rejected_of(name: str) -> float:
    """Return how many bad items a source has counted."""
    counts = [
        REGISTRY.get_sample_value(
            "skyfence_source_rejected_total", {"source": name, "reason": reason_class}
        )
        for reason_class in get_args(ReasonClass)
    ]
    return sum(filter(None, counts))


@pytest.mark.parametrize("name", registry.names("source"))
async def test_a_bad_item_is_counted(name: str, tmp_path: Path) -> None:
    """A source that is sent a bad item counts it, and goes on."""
    async with asyncio.timeout(START_S), rig_of(name)(tmp_path) as send_bad:
        before = rejected_of(name)
        await send_bad()
    assert rejected_of(name) == before + 1
