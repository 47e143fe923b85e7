"""Security: which settings go together, and what the clients of Kafka and Redis are made with."""

import os
import ssl
from pathlib import Path

import faust
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from faust.types.auth import AuthProtocol
from repository import ZONES

from skyfence.adapters import credentials as credential_files
from skyfence.adapters.credentials import (
    kafka_options,
    read_secret,
    redis_options,
    tls_context,
)
from skyfence.adapters.files import load_policy, load_zones
from skyfence.adapters.kafka import producer
from skyfence.adapters.settings import PREFIX, Settings, environment_of, load
from skyfence.errors import UsageError
from streams.app import build
from streams.driver.producer import credentials

SASL = {"KAFKA_BOOTSTRAP": "kafka.example:9093", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
LOGIN = {"KAFKA_USER": "exercise-relay", "KAFKA_PASSWORD": "hunter2"}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the tests may hold."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with an authority, a certificate with its key, and what is none of these."""
    authority = trustme.CA()
    certificate, other = (
        authority.issue_cert("kafka.example"),
        authority.issue_cert("other.example"),
    )
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "one.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "one.key")
    other.private_key_pem.write_to_path(tmp_path / "other.key")
    (tmp_path / "locked.key").write_bytes(
        load_pem_private_key(certificate.private_key_pem.bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2")
        )
    )
    (tmp_path / "junk").write_text("junk")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "password").write_text("hunter2\n")
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, *several: dict[str, str]) -> Settings:
    """Return the settings that an environment gives."""
    for variables in several:
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)
    return load()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (SASL, "KAFKA_USER: SASL_SSL needs a user"),
        (SASL | {"KAFKA_USER": "u"}, "KAFKA_PASSWORD: SASL_SSL needs a password"),
        (SASL | {"KAFKA_PASSWORD": "hunter2"}, "KAFKA_USER: SASL_SSL needs a user"),
        (SASL | LOGIN | {"KAFKA_PASSWORD": ""}, "KAFKA_PASSWORD: is empty"),
        (SASL | LOGIN | {"KAFKA_PASSWORD_FILE": "f"}, "KAFKA_PASSWORD: is given beside SKYFENCE_"),
        (SASL | LOGIN | {"KAFKA_KEY_FILE": "k"}, "KAFKA_CERTIFICATE_FILE: is missing beside "),
        (SASL | LOGIN | {"KAFKA_CERTIFICATE_FILE": "c"}, "KAFKA_KEY_FILE: is missing beside "),
        (SASL | {"KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM: input should be"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: input should be"),
        (
            SASL | LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
            "KAFKA_SECURITY_PROTOCOL: SASL_PLAINTEXT is for loopback only, kafka.example:9093",
        ),
        (LOGIN, "KAFKA_PASSWORD: is for SASL_SSL, not PLAINTEXT"),
        ({"KAFKA_CA_FILE": "ca"}, "KAFKA_CA_FILE: is for SSL and SASL_SSL, not PLAINTEXT"),
        ({"REDIS_USER": "u"}, "REDIS_PASSWORD: user u needs a password"),
        ({"REDIS_CA_FILE": "ca"}, "REDIS_CA_FILE: is for rediss://, not redis://"),
        ({"REDIS_PASSWORD": ""}, "REDIS_PASSWORD: is empty"),
        (
            {"REDIS_URL": "redis://redis.example/0", "REDIS_PASSWORD": "hunter2"},
            "REDIS_URL: a password would travel readable to redis.example, use rediss://",
        ),
        ({"REDIS_URL": "rediss://u:hunter2@r.example"}, "REDIS_URL: a user or password belongs in"),
        ({"REDIS_URL": "rediss://r.example?ssl_cert_reqs=none"}, "REDIS_URL: options in a URL are"),
        (
            {"REDIS_URL": "rediss://r.example", "REDIS_KEY_FILE": "k"},
            "REDIS_CERTIFICATE_FILE: is missing beside SKYFENCE_REDIS_KEY_FILE",
        ),
        ({"MIN_INSYNC_REPLICAS": "2"}, "MIN_INSYNC_REPLICAS: 2 copies cannot be written where "),
    ],
)
def test_what_does_not_go_together_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    """Half a login, half a pair of files or what has no effect is one line without the secret."""
    with pytest.raises(UsageError) as caught:
        given(monkeypatch, variables)
    assert str(caught.value).startswith(PREFIX + reason)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_needs_no_tls(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """What stays on this machine may go without TLS, passwords included."""
    protocol = {"KAFKA_BOOTSTRAP": f"{host}:9092", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    redis = {"REDIS_URL": f"redis://{host}:6379/0", "REDIS_PASSWORD": "hunter2"}
    settings = given(monkeypatch, protocol, LOGIN, redis)
    assert "ssl_context" not in kafka_options(settings)
    assert redis_options(settings) == {"password": "hunter2"}


@pytest.mark.parametrize(("replication", "insync"), [(1, 1), (2, 1), (3, 2), (5, 4)])
def test_one_copy_may_be_away(replication: int, insync: int) -> None:
    """Without a word of one's own, all copies but one must be written, and at least one."""
    assert Settings(replication=replication).least_insync_replicas == insync
    assert Settings(replication=5, min_insync_replicas=3).least_insync_replicas == 3


def test_kafka_without_security_is_only_an_address() -> None:
    """By default clients get the address and PLAINTEXT, and Faust no credentials."""
    settings = Settings()
    plain = {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}
    assert kafka_options(settings) == plain
    assert redis_options(settings) == {}
    assert credentials(settings) is None


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_over_tls(monkeypatch: pytest.MonkeyPatch, files: Path, mechanism: str) -> None:
    """User, password from its file, mechanism and a checking context reach aiokafka and Faust."""
    more = {
        "KAFKA_USER": "exercise-worker",
        "KAFKA_PASSWORD_FILE": str(files / "password"),
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_CA_FILE": str(files / "ca.pem"),
    }
    settings = given(monkeypatch, SASL, more)
    options = kafka_options(settings)
    context = options.pop("ssl_context")
    assert options == {
        "bootstrap_servers": "kafka.example:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "exercise-worker",
        "sasl_plain_password": "hunter2",
    }
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    made = credentials(settings)
    assert isinstance(made, faust.SASLCredentials)
    assert made.protocol is AuthProtocol.SASL_SSL
    assert (made.username, made.password) == ("exercise-worker", "hunter2")
    assert made.mechanism.value == mechanism
    assert made.ssl_context.check_hostname
    assert "hunter2" not in repr(made)


def test_tls_with_a_certificate_of_ones_own(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    """With SSL the certificate is the user: it is loaded, for Faust too, and no login is sent."""
    more = {
        "KAFKA_BOOTSTRAP": "kafka.example:9093",
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_CA_FILE": str(files / "ca.pem"),
        "KAFKA_CERTIFICATE_FILE": str(files / "one.pem"),
        "KAFKA_KEY_FILE": str(files / "one.key"),
    }
    settings = given(monkeypatch, more)
    options = kafka_options(settings)
    assert set(options) == {"bootstrap_servers", "security_protocol", "ssl_context"}
    assert options["ssl_context"].check_hostname
    made = credentials(settings)
    assert isinstance(made, faust.SSLCredentials)
    assert made.context.check_hostname


def test_redis_over_tls(monkeypatch: pytest.MonkeyPatch, files: Path) -> None:
    """All that redis-py needs for TLS and an ACL user, with checks that a URL cannot switch off."""
    more = {
        "REDIS_URL": "rediss://redis.example:6379/0",
        "REDIS_USER": "actual-relay",
        "REDIS_PASSWORD_FILE": str(files / "password"),
        "REDIS_CA_FILE": str(files / "ca.pem"),
        "REDIS_CERTIFICATE_FILE": str(files / "one.pem"),
        "REDIS_KEY_FILE": str(files / "one.key"),
    }
    assert redis_options(given(monkeypatch, more)) == {
        "username": "actual-relay",
        "password": "hunter2",
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": str(files / "ca.pem"),
        "ssl_certfile": str(files / "one.pem"),
        "ssl_keyfile": str(files / "one.key"),
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CA_FILE": "nowhere"}, "CA_FILE: {files}/nowhere: no such file or directory"),
        ({"CA_FILE": "junk"}, "CA_FILE: {files}/junk: no certificate or crl found"),
        ({"CERTIFICATE_FILE": "nowhere"}, "CERTIFICATE_FILE: {files}/nowhere: no such file"),
        ({"KEY_FILE": "binary"}, "KEY_FILE: {files}/binary: not UTF-8 text"),
        (
            {"KEY_FILE": "other.key"},
            "CERTIFICATE_FILE and _KEY_FILE: {files}/one.pem with {files}/other.key: key values",
        ),
        ({"KEY_FILE": "locked.key"}, "CERTIFICATE_FILE and _KEY_FILE: {files}/one.pem with "),
        ({"PASSWORD_FILE": "empty"}, "PASSWORD_FILE: {files}/empty: must hold one line of "),
        ({"PASSWORD_FILE": "nowhere"}, "PASSWORD_FILE: {files}/nowhere: no such file or directory"),
    ],
)
@pytest.mark.parametrize("server", ["KAFKA", "REDIS"])
def test_an_unusable_file_is_named(
    monkeypatch: pytest.MonkeyPatch,
    files: Path,
    server: str,
    changes: dict[str, str],
    reason: str,
) -> None:
    """A file that is missing, wrong or locked is one line with its variable, path and reason."""
    usual = {
        "PASSWORD_FILE": "password",
        "CA_FILE": "ca.pem",
        "CERTIFICATE_FILE": "one.pem",
        "KEY_FILE": "one.key",
    }
    named = {f"{server}_{name}": str(files / value) for name, value in (usual | changes).items()}
    address = SASL if server == "KAFKA" else {"REDIS_URL": "rediss://redis.example"}
    settings = given(monkeypatch, address, {f"{server}_USER": "u"}, named)
    with pytest.raises(UsageError) as caught:
        (kafka_options if server == "KAFKA" else redis_options)(settings)
    assert str(caught.value).startswith(f"{PREFIX}{server}_{reason.format(files=files)}")


async def test_producers_are_idempotent() -> None:
    """The edges' producer and Faust's wait for all copies and repeat nothing."""
    settings = Settings()
    zones = load_zones(ZONES)
    app = build(settings, zones, load_policy(None))
    for made in (producer(settings), app.producer._new_producer()):
        assert made._sender._acks == -1
        assert made._txn_manager is not None
        assert made._txn_manager.transactional_id is None
        await made.stop()


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither writing settings nor printing them shows Kafka's password; a child gets it."""
    settings = given(monkeypatch, SASL, LOGIN)
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in text
    assert environment_of(settings)["SKYFENCE_KAFKA_PASSWORD"] == "hunter2"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """Return a secret's file, open to others, in a folder that is open to others too."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o755)
    path = folder / "password"
    path.write_text("hunter2\n")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620])
def test_a_secret_that_others_may_read_is_refused(secret_file: Path, mode: int) -> None:
    """The error names setting, file and mode, says what to do, and does not show the secret."""
    secret_file.chmod(mode)
    with pytest.raises(UsageError) as caught:
        read_secret(secret_file, "option password_file")
    assert str(caught.value) == (
        f"option password_file: {secret_file}: mode {mode:04o} lets others read it: "
        f"chmod 600 {secret_file}"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_secret_of_its_owner_alone_is_read(secret_file: Path, mode: int) -> None:
    """The line comes without its line end."""
    secret_file.chmod(mode)
    assert read_secret(secret_file) == "hunter2"


def test_a_closed_folder_keeps_its_secrets(secret_file: Path) -> None:
    """What nobody else can reach may have any mode, as ops/make-secrets.sh leaves it."""
    secret_file.parent.chmod(0o700)
    assert read_secret(secret_file) == "hunter2"


def test_a_link_does_not_hide_where_a_secret_stands(secret_file: Path) -> None:
    """What counts is the folder of the file itself, not that of a link to it."""
    link = secret_file.parent.parent / "link"  # in a folder of its owner's alone
    link.symlink_to(secret_file)
    with pytest.raises(UsageError, match=f"{link}: mode 0644 lets others read it"):
        read_secret(link)


def test_a_containers_secrets_are_read(secret_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the folder in which engines mount them, secrets may be readable to all inside."""
    monkeypatch.setattr(credential_files, "_MOUNTED_SECRETS", secret_file.parent.parent)
    assert read_secret(secret_file) == "hunter2"


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n", "tab\t\n"])
def test_a_secret_is_one_printable_line(secret_file: Path, content: str) -> None:
    """Anything else is refused without being shown."""
    secret_file.chmod(0o600)
    secret_file.write_text(content)
    with pytest.raises(UsageError) as caught:
        read_secret(secret_file)
    assert str(caught.value) == f"{secret_file}: must hold one line of printable characters"


def test_a_private_key_that_others_may_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, files: Path
) -> None:
    """A key is a secret like a password; a certificate is none."""
    files.chmod(0o755)
    (files / "one.key").chmod(0o640)
    named = {"KAFKA_BOOTSTRAP": "kafka.example:9093", "KAFKA_SECURITY_PROTOCOL": "SSL"} | {
        f"KAFKA_{name}_FILE": str(files / value)
        for name, value in (("CA", "ca.pem"), ("CERTIFICATE", "one.pem"), ("KEY", "one.key"))
    }
    with pytest.raises(UsageError) as caught:
        kafka_options(given(monkeypatch, named))
    reason = f"KAFKA_KEY_FILE: {files}/one.key: mode 0640 lets others read it"
    assert str(caught.value).startswith(PREFIX + reason)


def test_every_context_checks_certificates_and_names(files: Path) -> None:
    """With the system's authorities as with a file's."""
    for context in (tls_context(), tls_context(files / "ca.pem")):
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_file_without_a_certificate_is_named(files: Path) -> None:
    """As no authority at all, which would trust nobody, or somebody else."""
    with pytest.raises(UsageError, match=r"^option ca_file: .*/junk: no certificate or crl found$"):
        tls_context(files / "junk", "option ca_file")
