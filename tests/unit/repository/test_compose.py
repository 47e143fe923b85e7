"""docker-compose.yml, Dockerfile and .env.example, checked as text, without a container engine."""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from typing import Any

import pytest
import yaml
from repository import ROOT

from skyfence.adapters.settings import load

COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# What Compose asks .env for: ${NAME}, ${NAME:-default}, ${NAME:?message}; $$ is a plain dollar.
REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CLI_AUTH|PRIVATE")
# Give rights, load functions, and end: others wait for their end.
ONE_SHOT = ("kafka-acls", "valkey-functions")
each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize(
    "name",
    [f"{role}{world}" for role in ("worker", "relay", "monitor") for world in ("", "-exercise")],
)


def dockerfile() -> list[list[str]]:
    """Return the Dockerfile's instructions as words, comments left out, continuations joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def final_stage() -> list[list[str]]:
    """Return the instructions after the last FROM."""
    lines = dockerfile()
    last = max(at for at, words in enumerate(lines) if words[0] == "FROM")
    return lines[last:]


def test_the_file_keeps_to_the_compose_specification() -> None:
    """docker-compose.yml is valid by the Compose specification's own schema."""
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    run = subprocess.run(
        [*tool, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@each_service
def test_ports_are_published_on_loopback_only(name: str) -> None:
    """A service publishes its ports on 127.0.0.1 or not at all, nor by the host's network."""
    ports = SERVICES[name].get("ports", [])
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []
    assert "network_mode" not in SERVICES[name]


@each_service
def test_every_service_comes_back_and_says_how_it_is(name: str) -> None:
    """A service is restarted after a crash and has a health check, or ends and is waited for."""
    if name in ONE_SHOT:
        assert SERVICES[name]["restart"].startswith("on-failure")
        return
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@each_service
def test_every_service_s_memory_is_limited(name: str) -> None:
    """No service takes the host's memory from the others."""
    assert "mem_limit" in SERVICES[name]


@each_service
def test_no_secret_is_written_down(name: str) -> None:
    """A secret is a file that the service is given, and stands in no variable or command line."""
    service = SERVICES[name]
    given = {
        secret if isinstance(secret, str) else secret["target"]
        for secret in service.get("secrets", [])
    }
    for key, value in service.get("environment", {}).items():
        assert not SECRET_NAME.search(key) or key.endswith("_FILE"), key
        if str(value).startswith("/run/secrets/"):
            assert value.removeprefix("/run/secrets/") in given
    spoken = f"{service.get('command')} {service.get('entrypoint')} {service.get('healthcheck')}"
    assert REFERENCE.findall(spoken) == []


def test_no_two_of_ours_share_a_name() -> None:
    """Each of our services has a certificate and a password of its own, and no other's."""
    sources = Counter(
        secret["source"]
        for name, service in SERVICES.items()
        for secret in service.get("secrets", [])
        if isinstance(secret, dict) and name.startswith(("worker", "relay", "monitor"))
    )
    assert len(sources) == 3 * 2 + 2 * 3 + 2 * 2
    assert set(sources.values()) == {1}


def test_kafka_serves_nobody_without_a_certificate() -> None:
    """All of Kafka's listeners ask for a certificate, and rights are given, not presumed."""
    kafka = SERVICES["kafka"]["environment"]
    listeners = kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert {listener.split(":")[1] for listener in listeners} == {"SSL"}
    assert kafka["KAFKA_SSL_CLIENT_AUTH"] == "required"
    assert kafka["KAFKA_AUTHORIZER_CLASS_NAME"].endswith(".StandardAuthorizer")
    assert "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND" not in kafka


def test_valkey_serves_nobody_without_a_name() -> None:
    """Valkey listens with TLS alone, knows the listed users alone, and forgets nothing."""
    text = (ROOT / "ops" / "valkey" / "valkey.conf").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {"port 0", "tls-port 6379", "aclfile /data/users.acl"} <= set(lines)
    assert {"appendonly yes", "appendfsync always", "maxmemory-policy noeviction"} <= set(lines)
    users = (ROOT / "ops" / "valkey" / "users.acl").read_text().splitlines()
    assert users[0].split()[:3] == ["user", "default", "off"]
    assert not [line for line in users if "nopass" in line or ">" in line]


@each_of_ours
def test_our_processes_take_these_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file sets for our services is a whole and permitted set of settings."""
    for key, value in SERVICES[name]["environment"].items():
        if value is not None and not REFERENCE.search(str(value)):
            monkeypatch.setenv(key, str(value))
    settings = load()
    assert settings.environment == ("exercise" if name.endswith("-exercise") else "actual")
    assert settings.kafka.security_protocol == "SSL"


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_metrics_are_asked_for(name: str) -> None:
    """Prometheus and Grafana start only with their profile, and see ops/ read-only."""
    service = SERVICES[name]
    assert service["profiles"] == ["metrics"]
    mounts = [mount.split(":") for mount in service["volumes"] if mount.startswith("./")]
    assert mounts
    assert all((ROOT / source).exists() and mode == "ro" for source, _, mode in mounts)


def test_secret_files_stay_out_of_git() -> None:
    """A secret is a file on the host, by default one that git ignores."""
    files = [secret["file"] for secret in COMPOSE["secrets"].values()]
    assert files
    assert all(re.search(r":-\./secrets[/}]", path) for path in files)
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_urls_carry_no_credentials() -> None:
    """No URL in the file has a user or a password in it."""
    assert re.findall(r"\w+://[^\s/]*@", COMPOSE_TEXT) == []


@each_of_ours
def test_our_processes_can_be_scaled(name: str) -> None:
    """Our processes have no fixed name, port or slot, which a second one could not share."""
    service = SERVICES[name]
    assert not {"container_name", "ports", "hostname"} & set(service)
    assert "SKYFENCE_WORKER_SLOT" not in service["environment"]


@each_of_ours
def test_our_processes_are_confined(name: str) -> None:
    """Our processes run read-only, without capabilities, and write nowhere but /tmp."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(mount["read_only"] for mount in service["volumes"])
    assert service["environment"]["SKYFENCE_HEALTH_FILE"].startswith(f"{service['tmpfs'][0]}/")


@pytest.mark.parametrize("role", ["worker", "relay", "monitor"])
def test_actual_and_exercise_differ_in_name_and_users_alone(role: str) -> None:
    """The exercise runs as the actual does, but for its name and its users."""
    actual, exercise = SERVICES[role], SERVICES[f"{role}-exercise"]
    assert actual["environment"]["SKYFENCE_ENVIRONMENT"] == "actual"
    expected = json.loads(json.dumps(actual).replace("actual", "exercise"))
    expected.pop("build", None)  # one of the four builds the image for all
    assert exercise == expected


def test_env_example_names_every_variable() -> None:
    """All that Compose asks .env for stands in .env.example; what is required, uncommented."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = {m[1] for line in lines if (m := re.match(r"#?([A-Z_]+)=", line))}
    set_there = {m[1] for line in lines if (m := re.match(r"([A-Z_]+)=", line))}
    asked = dict(REFERENCE.findall(COMPOSE_TEXT))
    passed_on = {
        key for s in SERVICES.values() for key, v in s.get("environment", {}).items() if v is None
    }
    assert set(asked) | passed_on <= named
    assert {name for name, operator in asked.items() if operator == ":?"} == set_there


def test_env_example_holds_no_password() -> None:
    """The required values are left empty, so that nobody runs with a published password."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if re.match(r"[A-Z_]+=.", line)] == []


def test_the_image_runs_unprivileged() -> None:
    """The final stage runs as a numeric user other than root, and no shell starts skyfence."""
    stage = final_stage()
    users = [words[1] for words in stage if words[0] == "USER"]
    assert len(users) == 1
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[0])
    assert ["ENTRYPOINT", '["skyfence"]'] in stage
    assert "CMD" not in {words[0] for words in stage}


def test_the_image_gets_all_that_the_wheel_is_made_of() -> None:
    """Every package, data directory and text of the wheel is copied and passes .dockerignore."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]
    parts = {*wheel["packages"], *wheel["force-include"], pyproject["project"]["readme"]}
    parts |= {"pyproject.toml", "LICENSE", "requirements/runtime.txt", "requirements/build.txt"}
    copied = {
        source
        for words in dockerfile()
        if words[0] == "COPY" and not words[1].startswith("--")
        for source in words[1:-1]
    }
    assert copied == parts
    passing = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{part}" for part in parts} <= set(passing)
