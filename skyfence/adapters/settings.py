"""Settings: the only place that reads the environment. Names begin with ``SKYFENCE_``.

Every default is safe to be wrong: loopback addresses, and the exercise rather than the actual one.
"""

import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from skyfence.adapters.hosts import is_loopback
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UsageError
from skyfence.naming import Environment, Topics

PREFIX = "SKYFENCE_"

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
# PLAIN would show a broker the password, and a false one too.
SaslMechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]
_SERVERS = ("kafka", "redis")
# Fields that say who we are, and whom we trust.
LOGIN = {f"{one}_{what}" for one in _SERVERS for what in ("user", "password", "password_file")}
TLS = {f"{one}_{what}_file" for one in _SERVERS for what in ("ca", "certificate", "key")}
UserName = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class Settings(BaseSettings):
    """What a process must know of its surroundings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    environment: Environment = Environment.EXERCISE
    kafka_bootstrap: Annotated[str, Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")] = (
        "127.0.0.1:9092"
    )
    # How clients and brokers meet, in Kafka's own words; docs/security.md says what is refused.
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_user: UserName | None = None
    kafka_password: SecretStr | None = None
    kafka_password_file: Path | None = None
    kafka_ca_file: Path | None = None  # without one: the authorities that the system trusts
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None
    redis_url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)] = (
        "redis://127.0.0.1:6379/0"
    )
    redis_user: UserName | None = None
    redis_password: SecretStr | None = None
    redis_password_file: Path | None = None
    redis_ca_file: Path | None = None
    redis_certificate_file: Path | None = None
    redis_key_file: Path | None = None
    # A track never changes partition, so choose once; 8 lets up to 8 workers share the load.
    track_partitions: Annotated[int, Field(ge=1, le=1_000)] = 8
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    # Copies that must be written before a message counts; without it, all but one.
    min_insync_replicas: Annotated[int | None, Field(ge=1, le=9)] = None
    # For brokers that answer a fetch at once instead of waiting for data (the embedded one does).
    fetch_pause_ms: Annotated[int, Field(ge=0, le=1_000)] = 0
    zones: Path | None = None
    regions: Path | None = None
    policy: Path | None = None
    # Who hears of alerts beyond Redis: docs/webhooks.md.
    webhooks_file: Path | None = None
    apprise_file: Path | None = None
    # The SMS gateway that `skyfence sms` works with; docs/sms.md.
    sms_file: Path | None = None
    # A worker that comes back under its old name gets its partitions back without a rebalance.
    worker_slot: Annotated[int | None, Field(ge=0)] = None
    health_file: Path | None = None
    # Where this process shows its metrics; without a port nowhere, with 0 on any free one.
    metrics_port: Annotated[int | None, Field(ge=0, le=65_535)] = None
    metrics_host: str = "127.0.0.1"
    # Where `skyfence up` writes how to reach it, and where `replay` and `watch` look.
    runtime_file: Annotated[Path, Field(default_factory=lambda: _user_folder() / "up.json")]
    # Where `skyfence up` keeps what its embedded servers store.
    data_dir: Annotated[Path, Field(default_factory=lambda: _user_folder() / "data")]

    @property
    def topics(self) -> Topics:
        """Return the topics and groups of this environment."""
        return Topics(self.environment)

    @property
    def least_insync_replicas(self) -> int:
        """Return ``min.insync.replicas``: one copy may be away where there are several."""
        return self.min_insync_replicas or max(1, self.replication - 1)

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
            parts = urlsplit(value)
            parts.port  # noqa: B018 - reading it is what checks it
        except ValueError:
            raise ValueError("a port is 1 to 65535") from None
        if "@" in parts.netloc:  # a URL is shown where a password must not be
            raise ValueError("a user or password belongs in SKYFENCE_REDIS_USER and _PASSWORD")
        if parts.query:  # it could switch off that certificates are checked
            raise ValueError("options in a URL are not taken")
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
        settings = Settings()
    except ValidationError as error:
        field, _, reason = describe_validation_error(error).partition(": ")
        if field.endswith(("url", "password")):  # what was given may hold a password
            reason = reason.partition(", got ")[0]
        raise UsageError(f"{PREFIX}{field.upper()}: {reason}") from None
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse settings that contradict each other; raise ``UsageError`` naming the variable."""
    if settings.least_insync_replicas > settings.replication:
        raise UsageError(
            f"{PREFIX}MIN_INSYNC_REPLICAS: {settings.min_insync_replicas} copies cannot be "
            f"written where {PREFIX}REPLICATION is {settings.replication}"
        )
    _check_kafka(settings)
    _check_redis(settings)


def _check_kafka(settings: Settings) -> None:
    protocol = settings.kafka_security_protocol
    given = _given(settings, "kafka")
    if protocol.startswith("SASL"):
        if "kafka_user" not in given:
            raise UsageError(f"{PREFIX}KAFKA_USER: {protocol} needs a user")
        if not given & {"kafka_password", "kafka_password_file"}:
            raise UsageError(
                f"{PREFIX}KAFKA_PASSWORD: {protocol} needs a password, here or in the file "
                f"that {PREFIX}KAFKA_PASSWORD_FILE names"
            )
    _refuse(given & LOGIN, not protocol.startswith("SASL"), "is for SASL_SSL, not " + protocol)
    _refuse(given & TLS, not protocol.endswith("SSL"), "is for SSL and SASL_SSL, not " + protocol)
    hosts = [one.rsplit(":", 1)[0].strip("[]") for one in settings.kafka_bootstrap.split(",")]
    if protocol == "SASL_PLAINTEXT" and not all(map(is_loopback, hosts)):
        raise UsageError(
            f"{PREFIX}KAFKA_SECURITY_PROTOCOL: SASL_PLAINTEXT is for loopback only, "
            f"{settings.kafka_bootstrap} needs SASL_SSL"
        )


def _check_redis(settings: Settings) -> None:
    given, url = _given(settings, "redis"), urlsplit(settings.redis_url)
    secret = given & {"redis_password", "redis_password_file"}
    if "redis_user" in given and not secret:
        raise UsageError(
            f"{PREFIX}REDIS_PASSWORD: user {settings.redis_user} needs a password, here or in the "
            f"file that {PREFIX}REDIS_PASSWORD_FILE names"
        )
    _refuse(given & TLS, url.scheme != "rediss", f"is for rediss://, not {url.scheme}://")
    if secret and url.scheme == "redis" and not is_loopback(url.hostname or ""):
        raise UsageError(
            f"{PREFIX}REDIS_URL: a password would travel readable to {url.hostname}, use rediss://"
        )


def _given(settings: Settings, server: str) -> set[str]:
    """Return the fields of a server's security that are given; refuse half of a pair."""
    names = [name for name in sorted(LOGIN | TLS) if name.startswith(server)]
    given = {name for name in names if getattr(settings, name) is not None}
    password: SecretStr | None = getattr(settings, f"{server}_password")
    if password is not None and not password.get_secret_value():
        raise UsageError(f"{PREFIX}{server.upper()}_PASSWORD: is empty")
    if {f"{server}_password", f"{server}_password_file"} <= given:
        variable = f"{PREFIX}{server.upper()}_PASSWORD"
        raise UsageError(f"{variable}: is given beside {variable}_FILE, one of them is enough")
    certificate, key = f"{server}_certificate_file", f"{server}_key_file"
    for one, other in ((certificate, key), (key, certificate)):
        if one in given and other not in given:
            raise UsageError(f"{PREFIX}{other.upper()}: is missing beside {PREFIX}{one.upper()}")
    return given


def _refuse(given: set[str], condition: bool, reason: str) -> None:
    """Refuse fields that would have no effect: who gave them believes that they have."""
    for name in sorted(given):
        if condition:
            raise UsageError(f"{PREFIX}{name.upper()}: {reason}")
