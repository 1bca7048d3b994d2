"""The shipped configuration at a test's speed: every duration is a tenth, and every receiver a webhook.

Nothing else is changed but the hours in which tickets are sent. Thresholds stay as they are, also those in seconds.
"""

import re
from pathlib import Path
from typing import Any

import yaml

TIMES = 10
MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
# How long Prometheus waits before it tells of the same alert again; a minute by default.
FLAGS = {"prometheus": ["--rules.alert.resend-delay=6s"]}
WAITS = ("group_wait", "group_interval", "repeat_interval")


def shortened(duration: str) -> str:
    """A Prometheus duration of one unit."""
    count, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", duration).groups()  # type: ignore[union-attr]
    return f"{int(count) * MS[unit] // TIMES}ms"


def hurry_prometheus(config: Path) -> None:
    """config: the directory with prometheus.yml and rules, which are written anew."""
    for path in (config / "rules").glob("*.yml"):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = shortened(group["interval"])
            for rule in group["rules"]:
                rule["expr"] = re.sub(
                    r"(\[|offset )(\d+[smhdw])", lambda found: found[1] + shortened(found[2]), rule["expr"]
                )
                rule |= {name: shortened(rule[name]) for name in ("for", "keep_firing_for") if name in rule}
        path.write_text(yaml.safe_dump(rules))
    path = config / "prometheus.yml"
    prometheus = yaml.safe_load(path.read_text())
    prometheus["global"] |= {"scrape_interval": "3s", "scrape_timeout": "3s", "evaluation_interval": "3s"}
    path.write_text(yaml.safe_dump(prometheus))


def hurry_alertmanager(config: Path, shipped: Path, receiver: str) -> None:
    """receiver: the URL below which each receiver has a path of its name."""
    alertmanager = yaml.safe_load(shipped.read_text())
    _hurry(alertmanager["route"])
    alertmanager["receivers"] = [
        {"name": one["name"]}
        if len(one) == 1
        else {"name": one["name"], "webhook_configs": [{"url": f"{receiver}/{one['name']}"}]}
        for one in alertmanager["receivers"]
    ]
    alertmanager["global"] = {}
    (config / "alertmanager.yml").write_text(yaml.safe_dump(alertmanager))


def _hurry(route: dict[str, Any]) -> None:
    route |= {name: shortened(route[name]) for name in WAITS if name in route}
    route.pop("active_time_intervals", None)
    route.pop("mute_time_intervals", None)
    for below in route.get("routes", ()):
        _hurry(below)
