"""Private API of libraries is used in the modules that are there for it, and in no others."""

import ast
from collections.abc import Iterator

from repository import ROOT

# Documented, in spite of its name.
PUBLIC = {"os._exit"}
PACKAGES = ("skyfence", "streams", "producers", "consumers")
# All of Faust's, and of what Faust wants of aiokafka; the embedded broker's one patch; the
# bound on what any consumer unpacks, and its end.
ALLOWED = (
    "streams/driver/",
    "skyfence/cli/local/fetch_pause.py",
    "skyfence/adapters/record_batches.py",
    "skyfence/adapters/stopping.py",
)


def private_uses(source: str) -> Iterator[str]:
    """Yield each private name that is imported, or is an attribute of something but self or cls."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = ast.unparse(node.value)
            use = f"{owner}.{node.attr}"
            if owner not in {"self", "cls"} and use not in PUBLIC:
                yield use


def is_private(name: str) -> bool:
    """Tell whether a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def test_private_api_is_used_where_it_is_allowed_alone() -> None:
    """Outside the driver and the two patches of aiokafka nothing private of others is touched."""
    uses = {
        (path.relative_to(ROOT).as_posix(), use)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for use in private_uses(path.read_text())
    }
    assert {(path, use) for path, use in uses if not path.startswith(ALLOWED)} == set()
    assert {path for path, _ in uses if path.startswith("streams/driver/")}, "nothing is read"


def test_a_private_use_is_noticed() -> None:
    """An attribute, an attribute of an attribute and an import are; one's own names are not."""
    source = "from faust import _loop\nself._app._thread\nconsumer._fetcher\nself._own\nx.__doc__\n"
    assert set(private_uses(source)) == {"_loop", "self._app._thread", "consumer._fetcher"}
