"""The dashboard and the alerts that are shipped use metrics, and labels of them, that a scrape has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics_parts import busy, scrape
from office_parts import OfficeForTests

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana/nbkeep.json"
RULES = DEPLOY / "prometheus/nbkeep.rules.yml"
_NAME = re.compile(r"\b((?:nbkeep|notebook|process)_[a-z_]+)(\{[^}]*\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby \(([^)]*)\)")
_FROM_PROMETHEUS = {"job", "instance"}


def panels() -> list[dict[str, Any]]:
    return [one for one in json.loads(DASHBOARD.read_text())["panels"] if one["type"] != "row"]


def shown() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_each_expression_of_dashboard_and_alerts_uses_metrics_and_labels_of_a_real_scrape(
    office: OfficeForTests,
) -> None:
    app = office.app()
    busy(office)
    scrape(app)
    found = scrape(app)  # the first one is counted, too
    expressions = shown() + [one["expr"] for one in alerts()]
    assert len(expressions) > 30
    for expression in expressions:
        names = _NAME.findall(expression)
        labels: set[str] = set()
        for name, selector in names:
            assert name in found.names, f"{expression}: a scrape has no {name}"
            labels |= found.labels_of(name)
            assert set(_LABEL.findall(selector)) <= labels | _FROM_PROMETHEUS, expression
        for by in _BY.findall(expression):
            assert {one.strip() for one in by.split(",")} <= labels, expression
    for panel in panels():
        for target in panel["targets"]:
            of_names = [found.labels_of(name) for name, _ in _NAME.findall(target["expr"])]
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= set().union(*of_names), target


def test_the_dashboard_shows_sessions_idle_ones_and_gpu_hours_each_panel_once() -> None:
    used = {name for expression in shown() for name, _ in _NAME.findall(expression)}
    assert {"notebook_active_sessions", "notebook_idle_sessions", "notebook_gpu_hours_mtd"} <= used
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len({panel["title"] for panel in panels()}) == len(panels())


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("Prometheus' own parser (promtool) is not on this machine")
    return found


def test_prometheus_reads_its_configuration_its_alerts_and_each_expression(tmp_path: Path) -> None:
    tool = promtool()
    subprocess.run([tool, "check", "rules", str(RULES)], check=True, capture_output=True)
    config = DEPLOY / "prometheus/prometheus.yml"
    subprocess.run([tool, "check", "config", "--syntax-only", str(config)], check=True, capture_output=True)
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(shown())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([tool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


ALARMS: dict[str, tuple[list[dict[str, str]], str]] = {
    "NbkeepNodeAway": ([{"series": "nbkeep_node_answers", "values": "1 0x20"}], "5m"),
    "NbkeepMeterStopped": ([{"series": "nbkeep_meter_beat_age_seconds", "values": "0+60x20"}], "10m"),
    "NbkeepStartsFail": (
        [
            {"series": 'nbkeep_start_seconds_count{outcome="failed"}', "values": "0+1x20"},
            {"series": 'nbkeep_start_seconds_count{outcome="ready"}', "values": "0+2x20"},
        ],
        "16m",
    ),
}


@pytest.mark.parametrize("name", ALARMS)
def test_an_alert_comes_when_it_should_and_not_before(name: str, tmp_path: Path) -> None:
    tool = promtool()
    series, when = ALARMS[name]
    (tmp_path / "rules.yml").write_text(RULES.read_text())
    query = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    test: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": query, "eval_time": when, "exp_samples": [{"labels": "{}", "value": 1}]},
                    {"expr": query, "eval_time": "1m", "exp_samples": []},
                ],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test))
    done = subprocess.run([tool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
