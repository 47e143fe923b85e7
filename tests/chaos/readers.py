"""Who reads alerts beyond the relay: desk, monitor, an SMS gateway's process, webhooks.

alerts ──▶ desk, monitor ──▶ Redis
──▶ sms       ──▶ phones of ``PEOPLE``  ┐ one HTTP server on loopback keeps
──▶ webhooks  ──▶ an endpoint           ┘ what came, and answers slowly
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from beacon import BEACON, SILENT_AFTER_S
from machines import Home
from receiving import Listener, listening
from running import Running
from scenario import SOURCE_NAMES

# One person a place, by number.
PEOPLE = {
    "+40712000001": "AA-N",
    "+40712000002": "AA-S",
    "+40712000003": "AA",
    "+40712000004": "NATO",
}
# Whom a kill meets amid a message: the answer is under way for so long.
_ANSWER_S = 0.3
_SMS, _HOOK = "sms", "hook"
# Nobody decides in a fault run, so that the deadline must.
_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Readers:
    """Their files in a folder, and what came to phones and to the endpoint."""

    folder: Path
    listener: Listener

    @property
    def sms_outbox(self) -> Path:
        """Return the file of the SMS process's outbox."""
        return self.folder / "sms.db"

    @property
    def sms(self) -> list[tuple[str, str]]:
        """Return each message that a phone got, in order: its number, and our reference."""
        taken = [json.loads(body) for _, body in self.listener.got[_SMS]]
        return [(message["to"], message["key"]) for message in taken]

    @property
    def posts(self) -> list[tuple[str, bytes]]:
        """Return what came to the endpoint, in order: ``webhook-id`` and body."""
        return [(headers["webhook-id"], body) for headers, body in self.listener.got[_HOOK]]

    def edges(self, homes: Sequence[Home]) -> list[Running]:
        """Return the processes, at their homes."""
        given = {"webhooks_file": self.folder / "webhooks.toml"}

        def running(name: str, home: Home, *arguments: str) -> Running:
            own = home.settings.model_copy(update=given)
            return Running(name, lambda: home.processes.skyfence(own, name, *arguments))

        return [
            running("desk", homes[-1]),
            running("monitor", homes[-1]),
            running("sms", homes[-1], "run", str(self.folder / "sms.toml")),
            running("webhooks", homes[0], "run"),
        ]


@asynccontextmanager
async def reading(folder: Path) -> AsyncIterator[Readers]:
    """Write the files, and listen."""
    async with listening() as listener:
        for name in (_SMS, _HOOK):
            listener.answers[name] = _slowly
        _write_sms(folder, f"{listener.url}/{_SMS}")
        _write_webhooks(folder, f"{listener.url}/{_HOOK}")
        yield Readers(folder, listener)


async def _slowly(_times: int) -> web.Response:
    await asyncio.sleep(_ANSWER_S)
    return web.Response(status=202)


def _write_sms(folder: Path, url: str) -> None:
    people = [f"{number},en,{place}" for number, place in PEOPLE.items()]
    (folder / "people.csv").write_text("\n".join(["number,language,places", *people, ""]))
    (folder / "none.txt").write_text("")
    (folder / "sms.toml").write_text(
        'name = "duty"\nexercises = true\nadapter = "http"\nrecipients = "people.csv"\n'
        f'opt_outs = "none.txt"\noutbox = "sms.db"\n[http]\nurl = "{url}"\n'
        'json = { to = "{number}", body = "{text}", key = "{key}" }\n'
    )


def _write_webhooks(folder: Path, url: str) -> None:
    (folder / "hook.secret").write_text("whsec_" + "c2VjcmV0" * 4)
    (folder / "hook.secret").chmod(0o600)
    (folder / "webhooks.toml").write_text(
        'environment = "exercise"\noutbox = "webhooks.db"\n[[endpoint]]\nname = "hook"\n'
        f'url = "{url}"\nsecret_files = ["hook.secret"]\n'
    )


def write_policy(folder: Path) -> Path:
    """Write the policy of a fault run: short deadlines, all sources registered; return its file."""
    path = folder / "policy.toml"
    sources = "".join(f"[sources.{name}]\n" for name in SOURCE_NAMES)
    path.write_text(
        f'version = "fault-run"\n[public]\ndeadline_s = {_DEADLINE_S}\n{sources}'
        f"[sources.{BEACON}]\nsilent_after_s = {SILENT_AFTER_S}\n"
    )
    return path
