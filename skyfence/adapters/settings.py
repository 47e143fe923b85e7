"""Settings: the only place that reads the environment. Names begin with ``SKYFENCE_``.

Every default is safe to be wrong: loopback addresses, and the exercise rather than the actual one.
"""

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from skyfence.adapters.hosts import is_loopback
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UsageError
from skyfence.naming import Environment, Topics

PREFIX = "SKYFENCE_"
_ADD_ZONES: Final = f"{PREFIX}ADD_ZONES"

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
# PLAIN would show a broker the password, and a false one too.
SaslMechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512"]
# Fields of a server's settings that say who we are, and whom we trust.
LOGIN: Final = frozenset({"user", "password", "password_file"})
TLS: Final = frozenset({"ca_file", "certificate_file", "key_file"})
# Kafka takes these in the fixed name of a group's member.
SlotName = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"),
]
UserName = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class SettingsGroup(BaseModel):
    """Settings that belong together; ``prefix`` is how the names of their variables begin."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    prefix: ClassVar[str]

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable of a field, as ``SKYFENCE_KAFKA_USER``."""
        return cls.prefix + field.upper()

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with other values, checked like those of the environment."""
        return self.model_validate(self.model_dump(exclude_unset=True) | dict(changes))


class ServerSettings(SettingsGroup):
    """How a client logs in to a server, and by which certificates both know each other."""

    user: UserName | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None  # without one: the authorities that the system trusts
    certificate_file: Path | None = None
    key_file: Path | None = None

    def given(self) -> frozenset[str]:
        """Return the names of those fields of ``LOGIN`` and ``TLS`` that have a value."""
        return frozenset(name for name, value in self if value is not None) & (LOGIN | TLS)


class KafkaSettings(ServerSettings):
    """Where Kafka is, and how clients and brokers meet (docs/security.md says what is refused)."""

    prefix = f"{PREFIX}KAFKA_"

    bootstrap: Annotated[str, Field(pattern=r"^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$")] = "127.0.0.1:9092"
    # In Kafka's own words.
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"

    @field_validator("bootstrap")
    @classmethod
    def _has_ports(cls, value: str) -> str:
        for address in value.split(","):
            if not 0 < int(address.rsplit(":", 1)[1]) < 65_536:
                raise ValueError("a port is 1 to 65535")
        return value


class RedisSettings(ServerSettings):
    """Where Redis is."""

    prefix = f"{PREFIX}REDIS_"

    url: Annotated[str, Field(pattern=r"^(rediss?|unix)://", repr=False)] = (
        "redis://127.0.0.1:6379/0"
    )

    @field_validator("url")
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


class MetricsSettings(SettingsGroup):
    """Where a process shows its metrics: without a port nowhere, with 0 on any free one."""

    prefix = f"{PREFIX}METRICS_"

    port: Annotated[int | None, Field(ge=0, le=65_535)] = None
    host: str = "127.0.0.1"


class WatchdogSettings(SettingsGroup):
    """For how long a process may hang before it is ended, seconds (``adapters.watchdog``).

    ``loop_s``: its event loop stands still. The longest pause known is 8 s, the loading of a
    checkpoint of 100,000 tracks (``bench/checkpoint.py``). ``work_s``: it does none of its work,
    though the loop turns. ``stop_s``: from being told to stop until it is gone.
    """

    prefix = f"{PREFIX}WATCHDOG_"

    loop_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 60.0
    work_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 300.0
    stop_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 20.0


class Settings(BaseSettings):
    """What a process must know of its surroundings."""

    # SKYFENCE_KAFKA_PASSWORD_FILE is ``kafka.password_file``: split once, behind the group's name.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        frozen=True,
        extra="ignore",
    )

    environment: Environment = Environment.EXERCISE
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    metrics: MetricsSettings = MetricsSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    # A track never changes partition, so choose once; 8 lets up to 8 workers share the load.
    track_partitions: Annotated[int, Field(ge=1, le=1_000)] = 8
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    # Copies that must be written before a message counts; without it, all but one.
    min_insync_replicas: Annotated[int | None, Field(ge=1, le=9)] = None
    # For brokers that answer a fetch at once instead of waiting for data (the embedded one does).
    fetch_pause_ms: Annotated[int, Field(ge=0, le=1_000)] = 0
    zones: Path | None = None
    regions: Path | None = None
    # Files of zones on top of these: a list with "," or ":" between.
    add_zones: Annotated[tuple[Path, ...], NoDecode] = ()
    policy: Path | None = None
    # The folder of the keys that sources sign with; docs/security.md.
    signing_keys: Path | None = None
    # Who hears of alerts beyond Redis: docs/webhooks.md.
    webhooks_file: Path | None = None
    apprise_file: Path | None = None
    # The SMS gateway that `skyfence sms` works with; docs/sms.md.
    sms_file: Path | None = None
    # A worker that comes back under its old name gets its partitions back without a rebalance.
    worker_slot: SlotName | None = None
    health_file: Path | None = None
    # Where `skyfence up` writes how to reach it, and where `replay` and `watch` look.
    runtime_file: Annotated[Path, Field(default_factory=lambda: _user_folder() / "up.json")]
    # Where `skyfence up` keeps what its embedded servers store.
    data_dir: Annotated[Path, Field(default_factory=lambda: _user_folder() / "data")]

    @field_validator("add_zones", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _file_list(value) if isinstance(value, str) else value

    @property
    def topics(self) -> Topics:
        """Return the topics and groups of this environment."""
        return Topics(self.environment)

    @property
    def least_insync_replicas(self) -> int:
        """Return ``min.insync.replicas``: one copy may be away where there are several."""
        return self.min_insync_replicas or max(1, self.replication - 1)

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other values; of a group, a dictionary changes only what it names."""
        groups = {name: group for name, group in self if isinstance(group, SettingsGroup)}
        update = {
            name: groups[name].changed(value) if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return self.model_copy(update=update)

    def instance_id(self, group: str) -> str | None:
        """Return this slot's fixed name in a consumer group."""
        return None if self.worker_slot is None else f"{group}-{self.worker_slot}"


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment for a child process that is to have these settings."""
    given: dict[str, str] = {}
    for name, value in settings:
        fields = iter(value) if isinstance(value, SettingsGroup) else [(None, value)]
        for field, held in fields:
            if held is not None and held != ():
                variable = "_".join([name, field]) if field else name
                given[PREFIX + variable.upper()] = _plain(held)
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | variables(f"{PREFIX}SOURCE_") | variables(f"{PREFIX}SINK_") | given


def _plain(value: Any) -> str:
    """Return a setting as its variable has it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def added_zones() -> tuple[Path, ...]:
    """Return the files of ``SKYFENCE_ADD_ZONES``, for commands that read no other settings."""
    return _file_list(os.environ.get(_ADD_ZONES, ""))


def add_zones(files: Sequence[Path]) -> Callable[[], None]:
    """Add files to ``SKYFENCE_ADD_ZONES`` for this process and its children; return the undoing."""
    before = os.environ.get(_ADD_ZONES)
    os.environ[_ADD_ZONES] = ",".join(map(str, [*added_zones(), *files]))

    def undo() -> None:
        os.environ.pop(_ADD_ZONES)
        if before is not None:
            os.environ[_ADD_ZONES] = before

    return undo


def _file_list(text: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in re.split("[,:]", text) if name)


def variables(prefix: str) -> dict[str, str]:
    """Return the environment variables whose names begin so; ``skyfence.components`` knows them."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


def _user_folder() -> Path:
    """Return the user's own folder for state (XDG base directories)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "skyfence"


def load() -> Settings:
    """Read the settings; raise ``UsageError`` naming the variable that is wrong."""
    try:
        settings = Settings()
    except SettingsError as error:  # SKYFENCE_KAFKA itself, which would have to be JSON
        raise UsageError(f"{PREFIX}…: {error}") from None
    except ValidationError as error:
        field, _, reason = describe_validation_error(error).partition(": ")
        if field.endswith(("url", "password")):  # what was given may hold a password
            reason = reason.partition(", got ")[0]
        raise UsageError(f"{PREFIX}{field.replace('.', '_').upper()}: {reason}") from None
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse settings that contradict each other; raise ``UsageError`` naming the variable."""
    if settings.least_insync_replicas > settings.replication:
        raise UsageError(
            f"{PREFIX}MIN_INSYNC_REPLICAS: {settings.min_insync_replicas} copies cannot be "
            f"written where {PREFIX}REPLICATION is {settings.replication}"
        )
    _check_kafka(settings.kafka)
    _check_redis(settings.redis)


def _check_kafka(kafka: KafkaSettings) -> None:
    protocol = kafka.security_protocol
    _check_pairs(kafka)
    given = kafka.given()
    if protocol.startswith("SASL"):
        if "user" not in given:
            raise UsageError(f"{kafka.variable('user')}: {protocol} needs a user")
        if not given & {"password", "password_file"}:
            raise UsageError(
                f"{kafka.variable('password')}: {protocol} needs a password, here or in the file "
                f"that {kafka.variable('password_file')} names"
            )
    else:
        _refuse(kafka, given & LOGIN, f"is for SASL_SSL, not {protocol}")
    if not protocol.endswith("SSL"):
        _refuse(kafka, given & TLS, f"is for SSL and SASL_SSL, not {protocol}")
    hosts = [broker.rsplit(":", 1)[0].strip("[]") for broker in kafka.bootstrap.split(",")]
    if protocol == "SASL_PLAINTEXT" and not all(map(is_loopback, hosts)):
        raise UsageError(
            f"{kafka.variable('security_protocol')}: SASL_PLAINTEXT is for loopback only, "
            f"{kafka.bootstrap} needs SASL_SSL"
        )


def _check_redis(redis: RedisSettings) -> None:
    _check_pairs(redis)
    given, url = redis.given(), urlsplit(redis.url)
    secret = given & {"password", "password_file"}
    if "user" in given and not secret:
        raise UsageError(
            f"{redis.variable('password')}: user {redis.user} needs a password, here or in the "
            f"file that {redis.variable('password_file')} names"
        )
    if url.scheme != "rediss":
        _refuse(redis, given & TLS, f"is for rediss://, not {url.scheme}://")
    if secret and url.scheme == "redis" and not is_loopback(url.hostname or ""):
        raise UsageError(
            f"{redis.variable('url')}: a password would travel readable to {url.hostname}, "
            "use rediss://"
        )


def _check_pairs(server: ServerSettings) -> None:
    """Refuse an empty password, a password given twice, and a certificate without its key."""
    given, password = server.given(), server.variable("password")
    if server.password is not None and not server.password.get_secret_value():
        raise UsageError(f"{password}: is empty")
    if {"password", "password_file"} <= given:
        raise UsageError(f"{password}: is given beside {password}_FILE, one of them is enough")
    for present, missing in (("certificate_file", "key_file"), ("key_file", "certificate_file")):
        if present in given and missing not in given:
            raise UsageError(
                f"{server.variable(missing)}: is missing beside {server.variable(present)}"
            )


def _refuse(server: ServerSettings, fields: Collection[str], reason: str) -> None:
    """Refuse fields that would have no effect: who gave them believes that they have."""
    for field in sorted(fields):
        raise UsageError(f"{server.variable(field)}: {reason}")
