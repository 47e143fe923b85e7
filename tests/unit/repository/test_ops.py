"""The files under ops/: readable, and about metrics and services that exist."""

import json
import re
from typing import Any

import prometheus_client
import pytest
import yaml
from builders import T0
from repository import ROOT

from skyfence.adapters import metrics
from skyfence.cli.local.embedded import LIMITS
from skyfence.components import registry
from skyfence.components.component import Kind
from skyfence.contracts.judging import JudgedUntil
from skyfence.monitoring.status import (
    LastAlert,
    PartitionLag,
    ProcessStatus,
    SourceStatus,
    SystemStatus,
)
from skyfence.naming import Environment

OPS = ROOT / "ops"
DASHBOARD: dict[str, Any] = json.loads((OPS / "grafana/dashboards/skyfence.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((OPS / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
SCRAPED = yaml.safe_load((OPS / "prometheus.yml").read_text())["scrape_configs"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
NAME = re.compile(r"\bskyfence_\w+")


def shown() -> list[prometheus_client.Metric]:
    """Return all metrics of all processes, the monitor's included."""
    source = {"key": "radar", "run": "live", "state": "heard", "age_s": 1, "silent_after_s": 60}
    status = SystemStatus(
        environment=Environment.ACTUAL,
        as_of=T0,
        sources=(SourceStatus.model_validate(source | {"heard": T0, "clock": T0}),),
        lags=(PartitionLag(group="g", topic="tracks", partition=0, messages=1, done_to=T0),),
        judged=JudgedUntil(as_of=T0, until=T0),
        processes=(ProcessStatus(name="relay", done_to=T0),),
        last_alert=LastAlert(
            decided=T0, place="AA", event="airspace violation", message_type="Alert", status="Test"
        ),
    )
    monitor = metrics.StatusCollector()
    monitor.show(status)
    try:
        return [m for m in prometheus_client.REGISTRY.collect() if m.name.startswith("skyfence_")]
    finally:
        prometheus_client.REGISTRY.unregister(monitor)


def series() -> set[str]:
    """Return the names under which the metrics can be asked for."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return {m.name + suffix for m in shown() for suffix in suffixes.get(m.type, [""])}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_asked_for_exists(expression: str) -> None:
    """Every metric that a rule or a panel names is one that the code has."""
    assert set(NAME.findall(expression)) <= series()


def metrics_of_components() -> set[str]:
    """Return the metrics that components declare as their own; a conformance test holds them."""
    kinds: tuple[Kind, ...] = ("source", "sink")
    components = [registry.load(kind, name) for kind in kinds for name in registry.names(kind)]
    return {metric for component in components for metric in component.metrics}


def test_the_docs_name_every_metric_and_no_other() -> None:
    """docs/operations.md lists the metrics that there are, save those on a component's own page."""
    text = (ROOT / "docs" / "operations.md").read_text()
    suffix = {"counter": "_total"}
    there = {m.name + suffix.get(m.type, "") for m in shown()}
    named = set(re.findall(r"^\| `(skyfence_\w+)", text, re.MULTILINE))
    assert named == there - (metrics_of_components() - named)


def test_the_docs_name_every_rule() -> None:
    """docs/operations.md says of each alert rule what to do, and of no other."""
    text = (ROOT / "docs" / "operations.md").read_text()
    named = re.findall(r"^\| `(Skyfence\w+)`", text, re.MULTILINE)
    assert named == [rule["alert"] for rule in RULES]


def test_names_follow_the_conventions() -> None:
    """A time is in seconds and says so; nothing is in another unit of time."""
    for metric in shown():
        assert not re.search(r"_(ms|minutes|millis)", metric.name)
        if metric.type == "histogram":
            assert metric.name.endswith("_seconds")
        assert metric.documentation.endswith(".")


def test_panels_stand_apart() -> None:
    """Each panel has an id of its own and overlaps none."""
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_brackets_are_closed(expression: str) -> None:
    """Where no promtool is at hand: brackets of an expression match."""
    plain = re.sub(r'"[^"]*"', "", expression)
    for opening, closing in ("()", "{}", "[]"):
        assert plain.count(opening) == plain.count(closing)


def test_prometheus_asks_every_service_of_ours() -> None:
    """Each worker, relay, monitor and desk of the compose file is asked, at the port it is told."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    ours = {
        name
        for name, service in compose["services"].items()
        if service["image"].startswith("skyfence:") and name != "valkey-functions"
    }
    assert {job["job_name"] for job in SCRAPED} == ours
    example = (ROOT / ".env.example").read_text()
    for job in SCRAPED:
        [discovery] = job["dns_sd_configs"]
        assert discovery["names"] == [job["job_name"]]
        assert f"#SKYFENCE_METRICS_PORT={discovery['port']}\n" in example
        world = compose["services"][job["job_name"]]["environment"]["SKYFENCE_ENVIRONMENT"]
        assert job["relabel_configs"][0]["replacement"] == world


def test_the_embedded_valkey_has_the_limits_of_the_shipped_one() -> None:
    """What is proved of the one holds for the other."""
    lines = (OPS / "valkey" / "valkey.conf").read_text().splitlines()
    kinds = ("client-output", "maxm", "maxc", "proto")
    limits = [line for line in lines if line.startswith(kinds)]
    assert [line for line in limits if line != "maxmemory-policy noeviction"] == [*LIMITS]
