"""Writes deploy/kubernetes/rules.yaml: prometheus/rules as one PrometheusRule, for the Prometheus Operator."""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[1]
RULES: Final = ROOT / "prometheus" / "rules"
OUT: Final = ROOT / "deploy" / "kubernetes" / "rules.yaml"
HEAD: Final = "# Made of prometheus/rules by `make manifests`: change them there.\n"


def prometheus_rule() -> dict[str, Any]:
    groups = [group for path in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "argus", "labels": {"app.kubernetes.io/name": "argus"}},
        "spec": {"groups": groups},
    }


def text() -> str:
    return HEAD + yaml.safe_dump(prometheus_rule(), sort_keys=False, width=118, allow_unicode=True)


if __name__ == "__main__":
    OUT.write_text(text())
    sys.stdout.write(f"{OUT.relative_to(ROOT)}: {len(prometheus_rule()['spec']['groups'])} groups\n")
