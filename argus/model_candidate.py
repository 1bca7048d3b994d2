"""Other models to try against those in force: a file of the settings that are about models.

YAML or TOML (`.toml`), of the settings' own names; of a mapping (`models`, `label_models`, `model_weights`) what the
file does not name stays as it is in force, and so does every setting that it leaves out.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from argus.rule_files import FILE_MAX_BYTES, parse
from argus.setting_values import convert
from argus.settings import LABEL_MODELS, Settings, SettingsError, table
from core.rules.book import RuleBook
from core.rules.nodes import BadRule, Node
from models.modes import MODES, running

MAPPINGS: Final[Mapping[str, Collection[str]]] = {
    "models": tuple(MODES),
    "label_models": tuple(LABEL_MODELS),
    "model_weights": (*MODES, *LABEL_MODELS),
}
# Single figures, and how far each may go.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "fraud_score_threshold": (0.0, 100.0),
    "block_score_threshold": (0.0, 100.0),
    "tail_quantile": (0.0, 0.999999),
    "tail_full_quantile": (0.0, 0.99999999),
    "rank_weight": (0.0, 1.0),
    "label_rows": (1_000, 10_000_000),
    "label_window_days": (0.0, 366.0),
    "label_delay_days": (0.0, 366.0),
}
# The rule that asks the models: its mode and its thresholds.
RULE: Final = "rule_anomaly_"
NAMES: Final = (*MAPPINGS, *RANGES, *(name for name in table() if name.startswith(RULE)))


class BadModels(Exception):
    """A file of models that cannot be used; the message names file and line, and says what is wanted."""


def candidate(path: Path, settings: Settings) -> Settings:
    """The settings, with what the file says. Raises `BadModels`, and OSError."""
    try:
        return _with(_read(path), settings)
    except BadRule as bad:
        where = f"{path}, line {bad.line}" if bad.line else str(path)
        raise BadModels(f"{where}: {bad.reason}") from None


def _read(path: Path) -> Node:
    raw = path.read_bytes()
    if len(raw) > FILE_MAX_BYTES:
        raise BadRule("", 0, 0, f"{len(raw)} bytes are more than {FILE_MAX_BYTES}")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRule("", raw.count(b"\n", 0, error.start) + 1, 0, "not UTF-8") from None
    try:
        return _toml(text) if path.suffix == ".toml" else parse(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        raise BadRule("", int(found[1]) if found else text.count("\n") + 1, 0, f"not TOML: {error}") from None


def _with(root: Node, settings: Settings) -> Settings:
    if not isinstance(root.value, dict) or not root.value:
        root.refuse(f"a file of models has at least one of {', '.join(NAMES)}")
    fields: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    thresholds, modes = dict(settings.thresholds), dict(settings.modes)
    for name, node in root.value.items():
        if name not in NAMES:
            _unknown(root, name, "setting of models", NAMES)
        place = table()[name].path
        if name in MAPPINGS:
            held = settings.policy if place[0] == "policy" else settings
            value: Any = {**getattr(held, name), **_mapping(name, node)}
        else:
            value = _value(name, node, name)
        if place[0] == "policy":
            policy[name] = value
        elif place[0] == "thresholds":
            thresholds[place[1]] = value
        elif place[0] == "modes":
            modes[place[1]] = value
        else:
            fields[name] = value
    changed = msgspec.structs.replace(settings.policy, **policy)
    begins, full = changed.tail_quantile, changed.tail_full_quantile
    if full <= begins:
        root.refuse(f"tail_full_quantile ({full:g}) is to be above tail_quantile ({begins:g})")
    try:
        running(fields.get("models", settings.models))
        RuleBook(thresholds, modes)
    except ValueError as error:
        root.refuse(str(error))
    return msgspec.structs.replace(settings, policy=changed, thresholds=thresholds, modes=modes, **fields)


def _mapping(name: str, node: Node) -> dict[str, Any]:
    """Of models, by name."""
    known = MAPPINGS[name]
    parts = node.mapping(name)
    for model in parts:
        if model not in known:
            _unknown(node, model, "model", known)
    if name == "model_weights":
        return {model: child.number(f"the weight of {model}", 0, 1) for model, child in parts.items()}
    return {model: child.one_of(f"{name}.{model}", ("decide", "shadow", "off")) for model, child in parts.items()}


def _value(name: str, node: Node, shown: str) -> Any:
    if name in RANGES:
        node.number(shown, *RANGES[name])
    if isinstance(node.value, list | dict) or node.value is None:
        node.refuse(f"{shown} is one value")
    try:
        return convert(table()[name], node.value, shown)
    except SettingsError as error:
        node.refuse(str(error))


def _unknown(node: Node, name: str, what: str, known: Collection[str]) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    line, column = node.keys.get(name, (node.line, node.column))
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    Node(None, line, column).refuse(f"{name} is no {what}; {hint}")


def _toml(text: str) -> Node:
    """TOML as nodes. `tomllib` tells no lines: they are looked up by the keys, which are few here."""
    lines = text.splitlines()

    def line_of(key: str, since: int) -> int:
        pattern = re.compile(rf'^\s*\[?\s*(\w+\.)?["\']?{re.escape(key)}["\']?\s*[\]=.]')
        found = (number for number in range(since, len(lines) + 1) if pattern.search(lines[number - 1]))
        return next(found, since)

    def node(value: Any, line: int) -> Node:
        if isinstance(value, dict):
            at = {key: line_of(key, line) for key in value}
            return Node({key: node(child, at[key]) for key, child in value.items()}, line, 1,
                        {key: (number, 1) for key, number in at.items()})  # fmt: skip
        if isinstance(value, list):
            return Node([node(child, line) for child in value], line, 1)
        return Node(value if isinstance(value, str | int | float | bool) else str(value), line, 1)

    return node(tomllib.loads(text), 1)
