"""Models, told to people and to programs: what runs by the settings, and what the models topic says of it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from argus.model_sampler import ALGORITHMS
from argus.models_topic import Registry
from argus.settings import Settings
from core.model_records import ModelVersion
from models.modes import MODES
from models.parameters import PARAMETERS
from models.plan import ModelPlan


def facts(settings: Settings, registry: Registry) -> list[dict[str, Any]]:
    """Each model as JSON."""
    plan = ModelPlan(settings.models)
    return [fact(name, plan, registry) for name in MODES]


def fact(name: str, plan: ModelPlan, registry: Registry) -> dict[str, Any]:
    """modes: what workers say, where they say anything else than the settings here."""
    running = {snapshot.modes.get(name, "off") for snapshot in registry.snapshots}
    pin = registry.pins.get(name)
    return {
        "model": name,
        "algorithm": ALGORITHMS[name],
        "mode": running.pop() if len(running) == 1 else plan.mode(name),
        "parameters": dict(PARAMETERS[name]),
        "pinned": pin.version if pin is not None else None,
        "learned": sum(one.learned for one in registry.snapshots if one.modes.get(name, "off") != "off"),
        "snapshot": max((one.time for one in registry.snapshots if name in one.modes), default=None),
        "versions": [msgspec.to_builtins(version) for version in registry.versions.get(name, [])],
    }


def rows(told: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """For the table of `argus models list`."""
    return [
        (
            one["model"],
            one["mode"],
            _versions(one["versions"]),
            str(one["pinned"] or ""),
            f"{one['learned']:,}",
            max((version["fitted"] for version in one["versions"] if version["in_force"]), default=one["snapshot"])
            or "",
            _quality(one["versions"]),
        )
        for one in told
    ]


def _versions(versions: Sequence[dict[str, Any]]) -> str:
    """Of each partition, the one in force."""
    return ", ".join(f"{one['partition']}: {one['version']}" for one in versions if one["in_force"])


def _quality(versions: Sequence[dict[str, Any]]) -> str:
    aucs = [one["auc"] for one in versions if one["in_force"] and one["auc"] is not None]
    return f"{sum(aucs) / len(aucs):.3f}" if aucs else ""


def paragraphs(told: dict[str, Any]) -> list[str]:
    """One model in words."""
    parameters = ", ".join(f"{name} {value:g}" for name, value in told["parameters"].items())
    lines = [f"{told['model']}: {told['algorithm']}, {told['mode']}", f"Parameters: {parameters}."]
    if told["pinned"] is not None:
        lines.append(f"Pinned to version {told['pinned']}: it is not fitted anew until `argus models release`.")
    if told["learned"]:
        lines.append(
            f"{told['learned']:,} untainted events had been learnt at the last snapshots, {told['snapshot']}."
        )
    versions = [msgspec.convert(version, ModelVersion) for version in told["versions"]]
    if versions:
        lines += ["", "Versions kept:"] + [_line(version) for version in versions]
        lines += ["", f"Features: {', '.join(versions[-1].features)}."]
    elif told["model"] in PARAMETERS and told["learned"]:
        lines.append("It learns as it goes, or has not been fitted yet: it has no versions.")
    return lines


def _line(version: ModelVersion) -> str:
    state = "in force, pinned" if version.in_force and version.pinned else "in force" if version.in_force else "kept"
    quality = f"; AUC {version.auc:.3f} on {version.tainted} tainted events" if version.auc is not None else ""
    since = f" of {version.trained_from} to {version.trained_to}" if version.trained_from else ""
    return (
        f"  partition {version.partition}, version {version.version} ({state}): fitted {version.fitted} in "
        f"{version.seconds:g} s on {version.trained_rows:,} rows of {version.learned:,} events{since}{quality}"
    )
