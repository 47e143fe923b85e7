"""Settings: the only place that reads the environment. Names begin with ``SKYFENCE_``.

Every default is safe to be wrong: loopback addresses, and the exercise rather than the actual one.
"""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from skyfence.channels import Environment, Topics
from skyfence.errors import UsageError
from skyfence.model import why_invalid

PREFIX = "SKYFENCE_"


class Settings(BaseSettings):
    """What a process must know of its surroundings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    environment: Environment = Environment.EXERCISE
    kafka_bootstrap: Annotated[str, Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")] = (
        "127.0.0.1:9092"
    )
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)] = (
        "redis://127.0.0.1:6379/0"
    )
    redis_password: SecretStr | None = None
    # A track never changes partition, so choose once; 8 lets up to 8 workers share the load.
    track_partitions: Annotated[int, Field(ge=1, le=1_000)] = 8
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    # For brokers that answer a fetch at once instead of waiting for data (the embedded one does).
    fetch_pause_ms: Annotated[int, Field(ge=0, le=1_000)] = 0
    zones: Path | None = None
    regions: Path | None = None
    policy: Path | None = None
    # A worker that comes back under its old name gets its partitions back without a rebalance.
    worker_slot: Annotated[int | None, Field(ge=0)] = None
    health_file: Path | None = None
    # Where `skyfence up` writes how to reach it, and where `replay` and `watch` look.
    runtime_file: Annotated[Path, Field(default_factory=lambda: _user_folder() / "up.json")]
    # Where `skyfence up` keeps what its embedded servers store.
    data_dir: Annotated[Path, Field(default_factory=lambda: _user_folder() / "data")]

    @property
    def topics(self) -> Topics:
        """Return the topics and groups of this environment."""
        return Topics(self.environment)

    @field_validator("kafka_bootstrap")
    @classmethod
    def _has_ports(cls, value: str) -> str:
        for one in value.split(","):
            if not 0 < int(one.rsplit(":", 1)[1]) < 65_536:
                raise ValueError("a port is 1 to 65535")
        return value

    @field_validator("redis_url")
    @classmethod
    def _has_port(cls, value: str) -> str:
        try:
            urlsplit(value).port  # noqa: B018 - reading it is what checks it
        except ValueError:
            raise ValueError("a port is 1 to 65535") from None
        return value

    def instance_id(self, group: str) -> str | None:
        """Return this slot's fixed name in a consumer group."""
        return None if self.worker_slot is None else f"{group}-{self.worker_slot}"


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process that is to have these settings."""
    given: dict[str, str] = {}
    for name, value in settings:
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            given[PREFIX + name.upper()] = str(plain)
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | given


def _user_folder() -> Path:
    """Return the user's own folder for state (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "skyfence"


def load() -> Settings:
    """Read the settings; raise ``UsageError`` naming the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        field, _, reason = why_invalid(error).partition(": ")
        if field.startswith("redis"):  # what was given may hold a password
            reason = reason.partition(", got ")[0]
        raise UsageError(f"{PREFIX}{field.upper()}: {reason}") from None
