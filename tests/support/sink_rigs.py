"""How the conformance test opens the sinks that come with skyfence, each on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from proc import Processes
from redis_server import Server

from consumers.sink import OpenSink
from skyfence.adapters.settings import Settings
from skyfence.components import registry
from skyfence.components.component import Context

_FILES = {
    "webhooks": (
        'environment = "exercise"\noutbox = "box.db"\n[[endpoint]]\nname = "hook"\n'
        'url = "http://127.0.0.1:1/hook"\nsecret_files = ["secret"]\n'
    ),
    "apprise": (
        'environment = "exercise"\noutbox = "box.db"\n[[target]]\nname = "mail"\nurl_file = "url"\n'
    ),
    "sms": (
        'name = "duty"\nexercises = true\nadapter = "http"\noutbox = "out.db"\n'
        'recipients = "people.csv"\nopt_outs = "none.txt"\n[http]\n'
        'url = "http://127.0.0.1:1/messages"\nform = { to = "{number}", text = "{text}" }\n'
    ),
}


@asynccontextmanager
async def _opened(name: str, settings: Settings, **options: object) -> AsyncIterator[OpenSink]:
    component = registry.load("sink", name)
    given = component.options.model_validate(options)
    async with component.open(given, Context(settings=settings)) as opened:
        yield opened


def _with_file(name: str) -> Callable[[Path], AbstractAsyncContextManager[OpenSink]]:
    def rig(folder: Path) -> AbstractAsyncContextManager[OpenSink]:
        secrets = {"secret": "whsec_" + "c2VjcmV0" * 4, "url": "json://127.0.0.1:1/mail"}
        for file, text in secrets.items():
            (folder / file).write_text(text)
            (folder / file).chmod(0o600)
        (folder / "people.csv").write_text("number,language,places\n+40712000001,en,NATO\n")
        (folder / "none.txt").write_text("")
        path = folder / "sink.toml"
        path.write_text(_FILES[name])
        return _opened(name, Settings(), file=path)

    return rig


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[OpenSink]:
    processes = Processes(folder)
    try:
        server = await asyncio.to_thread(Server, processes, folder)
        async with _opened("redis", server.settings) as opened:
            yield opened
    finally:
        processes.end()


SINK_RIGS = {name: _with_file(name) for name in _FILES} | {"redis": _redis}
