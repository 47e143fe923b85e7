"""Secret files, TLS contexts, and what clients of Kafka and Redis take: addresses, logins.

    settings ──▶ kafka_options, redis_options ──▶ aiokafka, redis-py
    a path   ──▶ read_secret, tls_context     ──▶ gateways, webhooks, Apprise

The one place that reads secret files and makes TLS contexts, so that no client is without them and
none checks less. A secret that others may read is refused. Certificates are always checked, host
names included; there is no switch for that. Faust's own form is in ``streams.driver.producer``.
"""

import ssl
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Never

from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.settings import ServerSettings, Settings
from skyfence.errors import UsageError

_OTHERS: Final = 0o077  # what a mode gives to the group and to everybody
# Where Docker, Podman and (so mounted) Kubernetes put a container's secrets: readable by every user
# inside, because the container's user is not the file's owner, and by nobody outside.
_MOUNTED_SECRETS: Final = Path("/run/secrets")


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Return what every aiokafka client is made with; raise ``UsageError`` for unusable files."""
    protocol = settings.kafka.security_protocol
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.bootstrap,
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        options["ssl_context"] = _client_tls(settings.kafka)
    if protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka.sasl_mechanism
        options["sasl_plain_username"] = settings.kafka.user
        options["sasl_plain_password"] = _password(settings.kafka)
    return options


def redis_options(settings: Settings) -> dict[str, Any]:
    """Return what a redis-py client takes beside the URL; raise ``UsageError`` likewise."""
    options: dict[str, Any] = {}
    if settings.redis.user is not None:
        options["username"] = settings.redis.user
    password = _password(settings.redis)
    if password is not None:
        options["password"] = password
    if settings.redis.url.startswith("rediss:"):
        # redis-py reads the files at each connection: fail in our words first.
        _client_tls(settings.redis)
        options |= {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,  # not the default of all its versions
            "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        }
        names = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
        for name, path in zip(names, _tls_files(settings.redis), strict=True):
            if path is not None:
                options[name] = str(path)
    return options


def read_secret(path: Path, setting: str | None = None) -> str:
    """Return the one line that a secret's file holds, without its line end.

    ``setting`` stands first in errors: the variable or option that names the file. Raises
    ``UsageError``, which never shows the secret, where the file cannot be read, holds no single
    line of printable characters, or may be read by others than its owner (``_refuse_shared``).
    """
    named = _named(path, setting)
    try:
        _refuse_shared(path, named)
        secret = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{named}: {describe_os_error(error)}") from None
    if not secret or not secret.isprintable():
        raise UsageError(f"{named}: must hold one line of printable characters")
    return secret


def tls_context(ca_file: Path | None = None, setting: str | None = None) -> ssl.SSLContext:
    """Return a client's context that checks certificates and host names (Python's default).

    It trusts the authorities in ``ca_file`` (PEM), or the system's without one. Raises
    ``UsageError`` naming ``setting`` and the file where it holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(f"{_named(ca_file, setting)}: {describe_os_error(error)}") from None


def _named(path: Path | None, setting: str | None) -> str:
    return str(path) if setting is None else f"{setting}: {path}"


def _refuse_shared(path: Path, named: str) -> None:
    """Raise ``UsageError`` where others than its owner may read a secret's file.

    Its mode must give group and others nothing (as 600 does), unless its folder is closed to them
    (700), or the file is one that a container's engine mounted for this container alone.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return
    folder = path.resolve().parent
    if folder.is_relative_to(_MOUNTED_SECRETS) or not folder.stat().st_mode & _OTHERS:
        return
    raise UsageError(f"{named}: mode {mode:04o} lets others read it: chmod 600 {path}")


def _client_tls(server: ServerSettings) -> ssl.SSLContext:
    """Return the context for a server, with this client's own certificate if it has one."""
    ca_file, certificate_file, key_file = _tls_files(server)
    context = tls_context(ca_file, server.variable("ca_file"))
    if certificate_file is None or key_file is None:
        return context
    _check_readable(certificate_file, server.variable("certificate_file"))
    _check_readable(key_file, server.variable("key_file"), secret=True)
    try:
        context.load_cert_chain(certificate_file, key_file, password=_refuse_passphrase)
    except (OSError, ValueError) as error:
        both = f"{server.variable('certificate_file')} and _KEY_FILE: {certificate_file}"
        reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{both} with {key_file}: {reason}") from None
    return context


def _check_readable(path: Path, setting: str, *, secret: bool = False) -> None:
    """Raise ``UsageError`` for a file that is no text: OpenSSL does not say which of two is bad."""
    named = _named(path, setting)
    try:
        if secret:
            _refuse_shared(path, named)
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{named}: {describe_os_error(error)}") from None


def _tls_files(server: ServerSettings) -> Sequence[Path | None]:
    """Return a server's authorities, own certificate and its key."""
    return (server.ca_file, server.certificate_file, server.key_file)


def _refuse_passphrase() -> Never:
    raise ValueError("the key has a passphrase, which nobody is there to type")


def _password(server: ServerSettings) -> str | None:
    """Return a server's password, given itself or in a file as container engines give secrets."""
    path = server.password_file
    if path is None:
        return None if server.password is None else server.password.get_secret_value()
    return read_secret(path, server.variable("password_file"))
