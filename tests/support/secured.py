"""A broker that asks everybody who he is; certificates, users and rights as ``ops/`` gives them.

Clients come by TLS, with a certificate (SSL) or a password (SASL_SSL). The inner listener knows
nobody and lets this launcher do everything: it stands for the superuser.
"""

import asyncio
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apache import JARS, Cluster
from proc import Processes
from repository import ROOT

_OPS = ROOT / "ops"
WORLDS = ("actual", "exercise")
ROLES = ("producer", "worker", "relay", "monitor", "desk", "sink")
_TOOL = """\
#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -cp '{jars}/*' org.apache.kafka.tools.AclCommand "$@"
"""


@dataclass(frozen=True)
class Secured:
    """A running broker, the certificates made for it, and the passwords of its users."""

    cluster: Cluster
    protocol: str
    files: Path
    passwords: dict[str, str]

    def login(self, user: str) -> dict[str, Any]:
        """Return the settings of Kafka with which a user comes."""
        given: dict[str, Any] = {
            "security_protocol": self.protocol,
            "ca_file": self.files / "ca.pem",
        }
        if self.protocol == "SSL":
            given["certificate_file"] = self.files / f"{user}.pem"
            given["key_file"] = self.files / f"{user}.key"
        else:
            given |= {"user": user, "password": self.passwords[user]}
        return given


def start(processes: Processes, folder: Path, protocol: str) -> Secured:
    """Start a broker whose users have the rights of their roles, and no other."""
    files = folder / "secrets"
    subprocess.run([_OPS / "make-secrets.sh", files], check=True, capture_output=True)
    users = [f"{world}-{role}" for world in WORLDS for role in ROLES]
    passwords = {user: secrets.token_hex(16) for user in users}
    scram = [f"SCRAM-SHA-512=[name={user},password={passwords[user]}]" for user in users]
    cluster = Cluster(
        processes,
        folder,
        extra=_properties(protocol, files),
        scram=scram if protocol == "SASL_SSL" else (),
        protocol=protocol,
    )
    asyncio.run(cluster.start_all())
    _give_rights(cluster, folder)
    return Secured(cluster, protocol, files, passwords)


def _properties(protocol: str, files: Path) -> dict[str, str]:
    listener = "listener.name.clients"
    given = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # who comes by the inner listeners, which are loopback's
        f"{listener}.ssl.keystore.type": "PEM",
        f"{listener}.ssl.keystore.location": str(files / "kafka-keystore.pem"),
        f"{listener}.ssl.truststore.type": "PEM",
        f"{listener}.ssl.truststore.location": str(files / "ca.pem"),
    }
    if protocol == "SSL":
        return given | {
            f"{listener}.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/,DEFAULT",
        }
    return given | {
        f"{listener}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{listener}.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }


def _give_rights(cluster: Cluster, folder: Path) -> None:
    """Run the operators' own script for both worlds at once, with the tool from the jars."""
    tool, admin = folder / "kafka-acls.sh", folder / "admin.properties"
    tool.write_text(_TOOL.format(jars=JARS))
    tool.chmod(0o700)
    admin.touch()
    environment = os.environ | {"KAFKA_ACLS": str(tool)}
    command = [_OPS / "kafka" / "acls.sh"]
    where = [cluster.inner_bootstrap, str(admin)]
    running = [subprocess.Popen([*command, world, *where], env=environment) for world in WORLDS]
    assert [process.wait() for process in running] == [0] * len(WORLDS)
