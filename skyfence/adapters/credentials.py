"""Turns the settings into what clients of Kafka and Redis take: addresses, logins, certificates.

The one place that reads password files and makes TLS contexts, so that no client is without them
and none checks less. Certificates are always checked, host names included; there is no switch for
that. Faust's own form of the same is in ``streams.driver.producer``.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Never

from skyfence.adapters.settings import ServerSettings, Settings
from skyfence.errors import UsageError


def kafka_options(settings: Settings) -> dict[str, Any]:
    """Return what every aiokafka client is made with; raise ``UsageError`` for unusable files."""
    protocol = settings.kafka.security_protocol
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.bootstrap,
        "security_protocol": protocol,
    }
    if protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings.kafka)
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
        _tls(settings.redis)
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


def _tls(server: ServerSettings) -> ssl.SSLContext:
    """Return a context that checks certificates and host names (Python's default)."""
    ca, certificate, key = _tls_files(server)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(server, "ca_file", ca, error) from None
    if certificate is not None and key is not None:
        for name, path in (("certificate_file", certificate), ("key_file", key)):
            _read(server, name, path)  # load_cert_chain does not say which of the two is wrong
        try:
            context.load_cert_chain(certificate, key, password=_refuse_passphrase)
        except (OSError, ValueError) as error:
            both = f"{server.variable('certificate_file')} and _KEY_FILE"
            raise UsageError(f"{both}: {certificate} with {key}: {_reason(error)}") from None
    return context


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
    password = _read(server, "password_file", path).rstrip("\r\n")
    if not password:
        raise UsageError(f"{server.variable('password_file')}: {path} is empty")
    return password


def _read(server: ServerSettings, name: str, path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise _unusable(server, name, path, error) from None


def _unusable(server: ServerSettings, name: str, path: Path | None, error: Exception) -> UsageError:
    reason = "is not text" if isinstance(error, UnicodeDecodeError) else _reason(error)
    return UsageError(f"{server.variable(name)}: {path}: {reason}")


def _reason(error: Exception) -> str:
    """Return why a file cannot be used; OpenSSL's words name its library and a source line."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not usable").replace("_", " ").lower()
    if isinstance(error, OSError):
        return (error.strerror or "not readable").lower()
    return str(error)
