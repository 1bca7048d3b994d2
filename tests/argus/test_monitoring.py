"""Prometheus and Alertmanager beside `argus up`: what is written for them, and that they run."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from argus import monitoring
from tests.argus.test_up import Running, gone, start
from tests.kafka.until import until
from tests.prometheus.shipped import SHIPPED, checked, load, program

__all__ = ["start"]

PORTS = monitoring.Ports(
    metrics_host="0.0.0.0", api_host="::1", workers=[1, 2], sink=3, notify=4, api=5, prometheus=6, alertmanager=7
)  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Path:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "argus_slack_url").write_text("http://slack\n")
    monitoring.write(tmp_path / "monitoring", PORTS, "http://console/")
    return tmp_path / "monitoring" / "config"


def test_rules_and_routes_are_the_shipped_ones(written: Path) -> None:
    for path in (SHIPPED / "rules").glob("*.yml"):
        assert (written / "rules" / path.name).read_bytes() == path.read_bytes()
    shipped, own = load(SHIPPED / "alertmanager.yml"), load(written / "alertmanager.yml")
    assert all(own[key] == shipped[key] for key in ("route", "inhibit_rules", "time_intervals", "templates"))
    prometheus = load(written / "prometheus.yml")
    assert prometheus["global"]["external_labels"]["argus_url"] == "http://console"
    assert prometheus["scrape_configs"] == load(SHIPPED / "prometheus.yml")["scrape_configs"]


def test_both_programs_take_what_is_written(written: Path) -> None:
    checked([program("promtool", "prometheus"), "check", "config", "--lint-fatal", written / "prometheus.yml"])
    checked([program("amtool", "prometheus-alertmanager"), "check-config", written / "alertmanager.yml"])


def test_processes_are_asked_where_they_can_be_reached(written: Path) -> None:
    found = {path.stem: load(path)[0]["targets"] for path in (written / "targets").glob("*.yml")}
    assert found == {
        "worker": ["127.0.0.1:1", "127.0.0.1:2"],
        "sink": ["127.0.0.1:3"],
        "notify": ["127.0.0.1:4"],
        "api": ["[::1]:5"],
        "prometheus": ["127.0.0.1:6"],
        "alertmanager": ["127.0.0.1:7"],
    }


def test_an_api_with_a_certificate_is_asked_by_tls(tmp_path: Path) -> None:
    monitoring.write(tmp_path / "monitoring", PORTS, "https://console/", "https")
    written = tmp_path / "monitoring" / "config" / "prometheus.yml"
    jobs = {job["job_name"]: job for job in load(written)["scrape_configs"]}
    assert [name for name, job in jobs.items() if job.get("scheme") == "https"] == ["argus-api"]
    checked([program("promtool", "prometheus"), "check", "config", "--lint-fatal", written])


def test_only_what_has_its_secret_tells_anybody_and_reads_it_from_the_data_directory(written: Path) -> None:
    own = load(written / "alertmanager.yml")
    assert own["global"]["slack_api_url_file"] == str(written.parents[1] / "secrets" / "argus_slack_url")
    kinds = {one["name"]: sorted(one.keys() - {"name"}) for one in own["receivers"]}
    assert kinds.keys() == {one["name"] for one in load(SHIPPED / "alertmanager.yml")["receivers"]}
    assert kinds["sre-page"] == kinds["ticket"] == ["slack_configs"]
    assert kinds["deadman"] == []
    assert "/run/secrets" not in (written / "alertmanager.yml").read_text()


def test_with_every_secret_nothing_is_left_out(tmp_path: Path) -> None:
    shipped = load(SHIPPED / "alertmanager.yml")
    for name in ("slack_url", "smtp_password", "pager_sre", "pager_ml", "pager_security", "deadman_token"):
        (tmp_path / f"argus_{name}").write_text("x")
    own = monitoring.only_reachable(shipped, tmp_path)
    assert yaml.safe_load(json.dumps(own).replace(f"{tmp_path}/", "/run/secrets/")) == shipped


@pytest.mark.broker
def test_argus_up_runs_both_says_where_starts_them_again_and_leaves_none(start: Callable[..., Running]) -> None:
    if monitoring.find() is None:
        pytest.skip("needs Prometheus and Alertmanager (Debian: apt-get install prometheus prometheus-alertmanager)")
    up = start(monitoring=True)
    ready = up.record()["ready"]
    until(lambda: _answers(f"{ready['prometheus']}/-/ready"), 240, "Prometheus")
    until(lambda: _answers(f"{ready['alertmanager']}/-/ready"), 240, "Alertmanager")
    until(lambda: "argus-worker" in _up(ready["prometheus"]), 240, "a scraped worker")
    told = Path(f"/proc/{up.pid('notify')}/environ").read_bytes()
    assert f"ARGUS_ALERTMANAGER_URL={ready['alertmanager']}".encode() in told
    first = up.pid("alertmanager")
    os.kill(first, signal.SIGKILL)
    until(lambda: up.said("alertmanager runs again"))
    pids = [up.pid(name) for name in ("prometheus", "alertmanager")]
    assert first not in pids
    up.process.send_signal(signal.SIGTERM)
    assert up.ended() == 0
    assert all(gone(pid) for pid in pids)


@pytest.mark.broker
def test_without_them_on_path_all_else_runs_and_no_address_is_given(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    up = start(env={"PATH": str(tmp_path)}, monitoring=True, simulate=False)
    ready = up.record()["ready"]
    assert ready["prometheus"] is ready["alertmanager"] is None
    assert not (up.data_dir / "monitoring").exists()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _up(prometheus: str) -> set[str]:
    """Jobs with a target that answers."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?query=up==1") as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return {one["metric"]["job"] for one in found}
