"""Kannel for tests: bearerbox and smsbox on free loopback ports, in a folder of their own.

    adapter ──▶ smsbox ──▶ bearerbox (spool) ──SMPP──▶ tests/support/smsc.py

Never with ``smsc = fake``, which listens on all interfaces.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proc import Processes

from skyfence.cli.local.embedded import free_port

# SMPP has room for eight characters of a password.
USER, PASSWORD, SECRET = "sky", "hushhush", "s" * 32
_START_S = 20.0

_CORE = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
box-deny-ip = "*.*.*.*"
store-type = spool
store-location = {folder}/store
dlr-storage = spool
dlr-spool = {folder}/dlr
sms-outgoing-queue-limit = {queue}
sms-resend-freq = 2
log-level = 1

group = smsc
smsc = smpp
smsc-id = tests
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = {password}
system-type = ""
reconnect-delay = 1
enquire-link-interval = 10
max-pending-submits = {window}
wait-ack = 10
wait-ack-expire = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
http-request-retry = 60
http-queue-delay = 1
log-level = 1

group = sendsms-user
username = {user}
password = {password}
user-allow-ip = 127.0.0.1
concatenation = true
max-messages = 10
"""


def installed() -> bool:
    """Return whether Kannel is on this machine."""
    return all(shutil.which(name, path=_path()) for name in ("bearerbox", "smsbox"))


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin"


@dataclass
class Kannel:
    """One Kannel, ended with the test's processes."""

    processes: Processes
    folder: Path
    smsc_port: int
    queue: int = -1  # messages that it takes beyond what the SMSC took; -1: any number
    window: int = 10
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("store", "dlr"):
            (self.folder / name).mkdir(parents=True)
        self.admin, self.boxes, self.sendsms = free_port(), free_port(), free_port()
        for name, value in {"user": USER, "password": PASSWORD, "secret": SECRET}.items():
            (self.folder / name).write_text(value)
            (self.folder / name).chmod(0o600)
        self.config = self.folder / "kannel.conf"
        self.config.write_text(
            _CORE.format(
                admin=self.admin,
                boxes=self.boxes,
                sendsms=self.sendsms,
                smsc=self.smsc_port,
                folder=self.folder,
                user=USER,
                password=PASSWORD,
                queue=self.queue,
                window=self.window,
            )
        )

    def options(self, **more: Any) -> dict[str, Any]:
        """Return the adapter's options."""
        return {
            "url": f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms",
            "username_file": str(self.folder / "user"),
            "password_file": str(self.folder / "password"),
            "sender": "RO-ALERT",
            "receipts": {"secret_file": str(self.folder / "secret")},
        } | more

    async def start(self) -> None:
        """Start both boxes and wait until they listen."""
        for name, port in (("bearerbox", self.boxes), ("smsbox", self.sendsms)):
            program = shutil.which(name, path=_path())
            assert program is not None
            process = self.processes.start(program, "-v", "1", str(self.config))
            self.running.append(process)
            await self._until_it_listens(process, port)

    async def _until_it_listens(self, process: subprocess.Popen[bytes], port: int) -> None:
        async with asyncio.timeout(_START_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                assert process.poll() is None, self.processes.said(process)
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """End both at once and without warning, as a power cut does."""
        for process in self.running:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self.running:
            process.wait()
        self.running.clear()

    def listens(self) -> set[str]:
        """Return the addresses on which its processes listen."""
        mine = {inode for process in self.running for inode in _sockets(process.pid)}
        addresses = set[str]()
        for name in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == "0A" and columns[9] in mine:  # 0A: listening
                    addresses.add(columns[1].partition(":")[0])
        return addresses


def _sockets(pid: int) -> set[str]:
    inodes = set[str]()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(link.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    return inodes
