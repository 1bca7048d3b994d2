"""What is in force in a worker, as text: the settings that differ from their defaults, and the user-defined rules."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from agents.rules import LiveRules
from argus.settings import MASK, SECRETS, Settings, table, to_environment
from core.rules.custom import CustomRules
from core.rules.nodes import Node

# Of one process or machine, not of what Argus does.
OWN: Final = frozenset(
    {"data_dir", "metrics_host", "metrics_port", "worker_metrics", "broker", "log_level", "log_format"}
    | {name for name in table() if name.startswith("kafka_")}
)


class Standing:
    """Names to texts; the same object until something changes. Secrets are masked, and a rule is its hash."""

    def __init__(self, settings: Settings, rules: LiveRules) -> None:
        told = {row.env: (MASK if row.name in SECRETS else None) for row in table().values() if row.name not in OWN}
        self._settings = {name: told[name] or text for name, text in to_environment(settings).items() if name in told}
        self._rules = rules
        self._seen: CustomRules | None = None
        self._texts: Mapping[str, str] = {}

    def __call__(self) -> Mapping[str, str]:
        current = self._rules.current()
        if current is not self._seen:
            self._seen = current
            self._texts = self._settings | {
                f"rule:{rule_id}": sha256(repr(_value(definition)).encode()).hexdigest()
                for rule_id, definition in self._rules.definitions().items()
            }
        return self._texts


def _value(node: Any) -> Any:
    """A definition without the places of its parts."""
    value = node.value if isinstance(node, Node) else node
    if isinstance(value, dict):
        return {key: _value(child) for key, child in sorted(value.items())}
    if isinstance(value, list):
        return [_value(child) for child in value]
    return value
