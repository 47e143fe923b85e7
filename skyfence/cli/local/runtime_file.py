"""The runtime file: how to reach the skyfence that ``skyfence up`` runs.

Only its user may read it, because it holds the password of the embedded Valkey. The environment
comes first: who names a Kafka or Redis there means that one, and it is told no other's password.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from skyfence.adapters.kafka import embedded_is_no_place
from skyfence.adapters.settings import LOGIN, ServerSettings, Settings, check, load
from skyfence.errors import UnavailableError
from skyfence.naming import Environment

# Metrics, slots and folders are each process's own.
_FIELDS: Final = (
    "kafka",
    "redis",
    "track_partitions",
    "replication",
    "min_insync_replicas",
    "zones",
    "regions",
    "add_zones",
    "policy",
    "signing_keys",
)
# The field that says where a server is, by the server's name.
_ADDRESSES: Final = {"kafka": "bootstrap", "redis": "url"}


def write(settings: Settings, environments: Sequence[Environment] = tuple(Environment)) -> Path:
    """Write the file of a skyfence that serves these environments; return its path."""
    path = settings.runtime_file
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {name: _plain(value) for name, value in settings if name in _FIELDS}
    path.unlink(missing_ok=True)  # it may have been made with other rights
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        served = [str(environment) for environment in environments]
        json.dump({"pid": os.getpid(), "environments": served, **told}, file, indent=2)
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, ServerSettings):
        return {name: _plain(held) for name, held in value}
    if isinstance(value, tuple):
        return [_plain(held) for held in value]
    return str(value.resolve()) if isinstance(value, Path) else value


def remove(settings: Settings) -> None:
    """Remove the file."""
    settings.runtime_file.unlink(missing_ok=True)


def running_pid(settings: Settings) -> int | None:
    """Return the process that the file names, if it lives."""
    try:
        pid = int(json.loads(settings.runtime_file.read_text())["pid"])
        if pid <= 0:
            return None
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


def reach(environment: Environment) -> Settings:
    """Return settings that reach a running skyfence, for one environment.

    Raise ``UsageError`` for one that it does not serve.
    """
    settings = load().model_copy(update={"environment": environment})
    named = settings.model_dump(exclude_unset=True)
    addressed = {server for server, field in _ADDRESSES.items() if field in named.get(server, {})}
    running = running_pid(settings) is not None
    if addressed == set(_ADDRESSES) or (addressed and not running):
        return settings
    if not running:
        raise UnavailableError(
            "no skyfence is running here: start `skyfence up`, "
            "or set SKYFENCE_KAFKA_BOOTSTRAP and SKYFENCE_REDIS_URL"
        )
    told: dict[str, Any] = json.loads(settings.runtime_file.read_text())
    del told["pid"]
    served = told.pop("environments", list(Environment))
    if environment not in served and "kafka" not in addressed:
        raise embedded_is_no_place(settings)
    if not told.keys() >= _ADDRESSES.keys():
        raise UnavailableError(
            f"{settings.runtime_file}: another version of skyfence wrote it, restart `skyfence up`"
        )
    servers: dict[str, dict[str, Any]] = {}
    for name in _ADDRESSES:
        given, known = named.get(name, {}), told[name]
        if name in addressed:
            known = {}
        elif LOGIN & given.keys():  # half of one login and half of another would be nobody's
            known = {field: value for field, value in known.items() if field not in LOGIN}
        servers[name] = known | given
    reached = Settings(**(told | named | servers | {"environment": environment}))
    check(reached)
    return reached
