"""One node of Apache Kafka on loopback, for `skyfence up` where KAFKA_HOME and Java are there.

Unlike the embedded broker it keeps what it acknowledged when it is killed, so it may serve actual
tracks. Each message is on the disk before it is acknowledged, as there is no second copy. It knows
neither users nor TLS; one that does is a cluster of one's own (docs/deployment.md).
"""

import base64
import os
import re
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from skyfence.adapters.kafka import admin_client
from skyfence.adapters.settings import KafkaSettings, Settings
from skyfence.cli.local.embedded import HOST, EmbeddedServer, free_port, own_folder
from skyfence.cli.local.processes import ProcessCommand
from skyfence.errors import UnavailableError

# A Java machine starts in some seconds, on a busy machine in many.
_START_S: Final = 120.0
_HEAP: Final = "-Xmx512m"
# A node says on its standard output what is worth a warning.
LOGGING: Final = """\
status=WARN
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c: %m%n
"""


@dataclass(frozen=True)
class Installation:
    """Java, and the folder of Kafka's jars."""

    java: str
    jars: Path


def installation() -> Installation | None:
    """Return the Apache Kafka that the environment names, None where there is none to run."""
    home = os.environ.get("KAFKA_HOME")
    java_home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{java_home}/bin" if java_home else None)
    if not home or java is None:
        return None
    jars = Path(home) / "libs"
    return Installation(java, jars) if any(jars.glob("kafka_2.13-*.jar")) else None


def kafka(
    installed: Installation, port: int, data: Path, output: IO[bytes] | None
) -> EmbeddedServer:
    """Return a node on a loopback port, its configuration and data in ``data/apache-kafka``."""
    folder = own_folder(data / "apache-kafka")
    (folder / "log4j2.properties").write_text(LOGGING)
    config = folder / "server.properties"
    lines = [f"{name}={value}" for name, value in _properties(port, folder).items()]
    config.write_text("\n".join(lines) + "\n")
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    java = [installed.java, _HEAP, logging, "-cp", f"{installed.jars}/*"]
    if not (folder / "data" / "meta.properties").exists():
        _format(java, config)
    settings = Settings.model_construct(kafka=KafkaSettings(bootstrap=f"{HOST}:{port}"))

    async def answers() -> None:
        async with admin_client(settings):
            pass

    command = ProcessCommand("kafka", [*java, "kafka.Kafka", str(config)], output=output)
    return EmbeddedServer(command, answers, start_s=_START_S)


def _format(java: list[str], config: Path) -> None:
    """Make the storage of a cluster with a name of its own."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    cluster = re.sub("^-", "_", cluster)  # Kafka's tools take a leading dash for an option
    done = subprocess.run(  # noqa: S603 - the program that KAFKA_HOME names, without a shell
        [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UnavailableError(f"apache kafka could not be set up: {''.join(last)}")


def _properties(port: int, folder: Path) -> dict[str, str]:
    controller = f"{HOST}:{free_port()}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{controller}",
        "log.dirs": str((folder / "data").resolve()),
        "auto.create.topics.enable": "false",
        "log.flush.interval.messages": "1",
        # One node: Kafka's default of three copies cannot be had.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }
