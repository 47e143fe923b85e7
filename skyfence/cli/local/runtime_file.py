"""The runtime file: how to reach the skyfence that ``skyfence up`` runs.

Only its user may read it, because it holds the password of the embedded Valkey. The environment
comes first: who names a Kafka or Redis there means that one, and it is told no other's password.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from skyfence.adapters.settings import LOGIN, TLS, Settings, check, load
from skyfence.errors import UnavailableError
from skyfence.naming import Environment

_FIELDS: Final = (
    "kafka_bootstrap",
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "redis_url",
    *sorted(LOGIN | TLS),
    "track_partitions",
    "replication",
    "min_insync_replicas",
    "zones",
    "regions",
    "policy",
)


def write(settings: Settings) -> Path:
    """Write the file; return its path."""
    path = settings.runtime_file
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {name: _plain(getattr(settings, name)) for name in _FIELDS}
    path.unlink(missing_ok=True)  # it may have been made with other rights
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"pid": os.getpid(), **found}, file, indent=2)
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
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
    """Return settings that reach a running skyfence, for one environment."""
    settings = load().model_copy(update={"environment": environment})
    named = settings.model_fields_set
    if named >= {"kafka_bootstrap", "redis_url"}:
        return settings
    if running_pid(settings) is None and named & {"kafka_bootstrap", "redis_url"}:
        return settings
    if running_pid(settings) is None:
        raise UnavailableError(
            "no skyfence is running here: start `skyfence up`, "
            "or set SKYFENCE_KAFKA_BOOTSTRAP and SKYFENCE_REDIS_URL"
        )
    found: dict[str, Any] = json.loads(settings.runtime_file.read_text())
    found.pop("pid")
    for server, address in (("kafka", "kafka_bootstrap"), ("redis", "redis_url")):
        own = {name for name in found if name.startswith(server)}
        if address in named:
            unwanted = own
        elif named & own & LOGIN:  # half of one login and half of another would be nobody's
            unwanted = own & LOGIN
        else:
            continue
        found = {name: value for name, value in found.items() if name not in unwanted}
    reached = Settings(
        **(found | settings.model_dump(include=named) | {"environment": environment})
    )
    check(reached)
    return reached
