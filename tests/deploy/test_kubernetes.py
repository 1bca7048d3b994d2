"""The manifests against Kubernetes' own schemas, and against each other."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from argus.cli import COMMANDS
from argus.settings import table
from deploy.rules import OUT, text
from tests.deploy.compose import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
LISTED = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
# The oldest that Kubernetes still looks after, and the newest that the validator knows.
VERSIONS = ("1.32", kubernetes_validate.latest_version())
CRDS = {"ServiceMonitor", "PrometheusRule"}
KEYS = {"secret", "database_url", "kafka_password", "otp_delivery", "channels"}


def manifests() -> list[dict[str, Any]]:
    found = []
    for name in LISTED["resources"]:
        found += [each for each in yaml.safe_load_all((FOLDER / name).read_text()) if each]
    return found


MANIFESTS = manifests()
IDS = [f"{each['kind']}-{each['metadata']['name']}" for each in MANIFESTS]


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in MANIFESTS if each["kind"] == kind}


PODS = {
    name: each["spec"]["template"] for kind in ("StatefulSet", "Deployment", "Job") for name, each in of(kind).items()
}


def test_every_file_is_listed_once() -> None:
    assert sorted(LISTED["resources"]) == sorted(
        path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    assert len(set(IDS)) == len(IDS)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_and_has_no_field_that_kubernetes_would_ignore(version: str) -> None:
    for each in MANIFESTS:
        if each["kind"] not in CRDS:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_restricted(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert container["resources"]["limits"]["memory"]
        assert container["args"][0] in COMMANDS
        assert container["image"] == LISTED["images"][0]["name"]


@pytest.mark.parametrize("name", sorted(set(PODS) - {"topics"}))
def test_readiness_and_liveness_are_asked_of_different_things(name: str) -> None:
    (container,) = PODS[name]["spec"]["containers"]
    ready, live = container["readinessProbe"]["httpGet"], container["livenessProbe"]["httpGet"]
    ports = {port["name"] for port in container["ports"]}
    assert ready["port"] in ports
    assert (ready["path"], live["path"]) == (("/ready", "/health") if name == "api" else ("/health", "/live"))


@pytest.mark.parametrize("name", PODS)
def test_settings_are_settings_and_secrets_are_files_that_the_pod_has(name: str) -> None:
    (container,) = PODS[name]["spec"]["containers"]
    volumes = {each["name"]: each for each in PODS[name]["spec"]["volumes"]}
    mounted = {item["path"] for item in volumes["secrets"]["secret"]["items"]}
    assert mounted <= KEYS
    shared = of("ConfigMap")[container["envFrom"][0]["configMapRef"]["name"]]["data"]
    environment = shared | {each["name"]: each["value"] for each in container.get("env", [])}
    known = {row.env for row in table().values()}
    for variable, value in environment.items():
        assert isinstance(value, str)
        assert variable in known or variable.removesuffix("_FILE") in known
        if value.startswith("/etc/argus/secrets/"):
            assert Path(value).name in mounted
    used = {Path(value).name for value in environment.values() if value.startswith("/etc/argus/secrets/")}
    assert mounted == used, "a pod has the secrets that it needs, and no other"


def test_workers_keep_their_volumes() -> None:
    worker = of("StatefulSet")["worker"]["spec"]
    (claim,) = worker["volumeClaimTemplates"]
    (container,) = worker["template"]["spec"]["containers"]
    assert {"name": claim["metadata"]["name"], "mountPath": of("ConfigMap")["argus"]["data"]["ARGUS_DATA_DIR"]} in (
        container["volumeMounts"]
    )
    assert int(worker["replicas"]) <= int(of("ConfigMap")["argus"]["data"]["ARGUS_PARTITIONS"])
    assert worker["serviceName"] in of("Service")


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "ServiceMonitor", "NetworkPolicy"])
def test_selectors_find_pods(kind: str) -> None:
    labels = {name: pod["metadata"]["labels"]["app.kubernetes.io/name"] for name, pod in PODS.items()}
    for name, each in of(kind).items():
        spec = each["spec"]
        selector = spec.get("selector") or spec.get("podSelector") or {}
        wanted = selector if kind == "Service" else selector.get("matchLabels", {})
        others = [] if kind == "Service" else selector.get("matchExpressions", [])
        names = {*wanted.values(), *(value for other in others for value in other["values"])}
        assert names <= set(labels.values()), f"{kind} {name}"
        if kind == "ServiceMonitor":
            service = of("Service")[name]
            assert wanted.items() <= service["metadata"]["labels"].items()
            assert {end["port"] for end in spec["endpoints"]} <= {port["name"] for port in service["spec"]["ports"]}
            jobs = {rule["replacement"] for end in spec["endpoints"] for rule in end["relabelings"]}
            assert f"argus-{name}" in jobs


def test_jobs_have_the_names_that_the_rules_go_by() -> None:
    shipped = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in shipped["scrape_configs"] if job["job_name"].startswith("argus-")}
    assert jobs == {f"argus-{name}" for name in of("ServiceMonitor")}


def test_the_rules_are_those_of_prometheus() -> None:
    assert OUT.read_text() == text(), "run `make manifests`"


def test_prometheus_takes_the_rules_as_the_operator_would_write_them(tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool: apt-get install --no-install-recommends prometheus")
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(of("PrometheusRule")["argus"]["spec"]))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_secret_is_in_a_manifest() -> None:
    assert not of("Secret")
    for path in FOLDER.glob("*.yaml"):
        assert not re.search(r"(password|secret|token): *[A-Za-z0-9+/]{12,}\b", path.read_text(), re.IGNORECASE)
