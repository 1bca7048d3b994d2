"""Models, told to people and to programs: what runs by the settings, and what the models topic says of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from argus.label_plan import label_plan
from argus.model_sampler import ALGORITHMS
from argus.models_topic import Registry
from argus.models_words import USUAL_WORDS, quality_words, version_words
from argus.settings import Settings
from core.model_records import LabelSnapshot, ModelSnapshot, ModelVersion
from models.modes import MODES
from models.parameters import PARAMETERS
from models.plan import ModelPlan

# What a model learns from.
USUAL: Final = "what is usual"
LABELS: Final = "labels"


def facts(settings: Settings, registry: Registry) -> list[dict[str, Any]]:
    """Each model as JSON."""
    return [fact(name, settings, registry) for name in known(settings)]


def known(settings: Settings) -> tuple[str, ...]:
    """The names of all models."""
    return (*MODES, *label_plan(settings).modes)


def fact(name: str, settings: Settings, registry: Registry) -> dict[str, Any]:
    """modes: what workers say, where they say anything else than the settings here. learned: untainted events, or
    frauds known. warm: in how many of the partitions that told of a snapshot it had learnt enough to say anything,
    null where none did. quality: see `_earned`, null where nothing is known yet."""
    if name in MODES:
        mode: str = ModelPlan(settings.models).mode(name)
        snapshots: Sequence[ModelSnapshot | LabelSnapshot] = registry.snapshots
    else:
        mode, snapshots = label_plan(settings).modes.get(name, "off"), registry.labels
    running = {one.modes.get(name, "off") for one in snapshots}
    mine = [one for one in snapshots if one.modes.get(name, "off") != "off"]
    said = [name in one.speaking for one in mine if one.speaking is not None]
    pin = registry.pins.get(name)
    return {
        "model": name,
        "algorithm": ALGORITHMS[name],
        "mode": running.pop() if len(running) == 1 else mode,
        "learns_from": USUAL if name in MODES else LABELS,
        "parameters": dict(PARAMETERS[name]),
        "pinned": pin.version if pin is not None else None,
        "learned": sum(one.learned if isinstance(one, ModelSnapshot) else one.frauds for one in mine),
        "snapshot": max((one.time for one in mine), default=None),
        "warm": {"partitions": sum(said), "of": len(said)} if said else None,
        "quality": _earned(name, registry.labels),
        "drifts": [msgspec.to_builtins(one) for one in registry.drifts if one.model == name],
        "versions": [msgspec.to_builtins(version) for version in registry.versions.get(name, [])],
        "features": _features(name, registry, mine),
    }


def _features(name: str, registry: Registry, mine: Sequence[ModelSnapshot | LabelSnapshot]) -> list[str]:
    versions = registry.versions.get(name, [])
    if versions:
        return list(versions[-1].features)
    return [feature for one in mine[:1] if isinstance(one, LabelSnapshot) for feature in one.features]


def _earned(name: str, snapshots: Sequence[LabelSnapshot]) -> dict[str, float | None] | None:
    """Prequential, over all partitions, of the newest labels: the share of frauds that it had in its tail when they
    happened, the share of undisputed events there, and the share of its weight that it has earned."""
    earned = [one.earned[name] for one in snapshots if name in one.earned]
    frauds, silent = sum(one.frauds for one in earned), sum(one.silent for one in earned)
    if not frauds and not silent:
        return None
    return {
        "recall": sum(one.caught for one in earned) / frauds if frauds else None,
        "false_alarms": sum(one.raised for one in earned) / silent if silent else None,
        "trust": sum(one.trust for one in earned) / len(earned),
    }


def rows(told: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """For the table of `argus models list`."""
    return [
        (
            one["model"],
            state(one),
            _versions(one["versions"]),
            str(one["pinned"] or ""),
            f"{one['learned']:,}" + (" frauds" if one["learns_from"] == LABELS and one["learned"] else ""),
            max((version["fitted"] for version in one["versions"] if version["in_force"]), default=one["snapshot"])
            or "",
            _quality(one),
            _drift(one["drifts"]),
        )
        for one in told
    ]


def state(one: Mapping[str, Any]) -> str:
    """The mode, and whether it still warms up."""
    warm = one["warm"]
    if one["mode"] == "off" or warm is None or warm["partitions"] == warm["of"]:
        return str(one["mode"])
    return f"{one['mode']}, warming up ({warm['partitions']}/{warm['of']})"


def _versions(versions: Sequence[dict[str, Any]]) -> str:
    """Of each partition, the one in force."""
    return ", ".join(f"{one['partition']}: {one['version']}" for one in versions if one["in_force"])


def _quality(one: Mapping[str, Any]) -> str:
    aucs = [each["auc"] for each in one["versions"] if each["in_force"] and each["auc"] is not None]
    if aucs:
        return f"AUC {sum(aucs) / len(aucs):.3f}"
    earned = one["quality"]
    return f"recall {earned['recall']:.2f}" if earned is not None and earned["recall"] is not None else ""


def _drift(drifts: Sequence[dict[str, Any]]) -> str:
    """The last one."""
    return max((f"{one['time']} {one['signal']}" for one in drifts), default="")


def paragraphs(told: dict[str, Any]) -> list[str]:
    """One model in words."""
    parameters = ", ".join(f"{name} {value:g}" for name, value in told["parameters"].items())
    lines = [f"{told['model']}: {told['algorithm']}, {state(told)}", f"Parameters: {parameters}."]
    if told["pinned"] is not None:
        lines.append(f"Pinned to version {told['pinned']}: it is not fitted anew until `argus models release`.")
    if told["learned"]:
        what = USUAL_WORDS if told["learns_from"] == USUAL else "frauds were known"
        lines.append(f"{told['learned']:,} {what} at the last snapshots, {told['snapshot']}.")
    if told["warm"] is not None and told["warm"]["partitions"] < told["warm"]["of"]:
        lines.append(
            f"It says something in {told['warm']['partitions']} of {told['warm']['of']} partitions; in the others it "
            "warms up, and says nothing."
        )
    if told["quality"] is not None:
        lines.append(quality_words(told["quality"]))
    lines += [
        f"Drift of its {one['signal']} in partition {one['partition']} at {one['time']}: their mean was "
        f"{one['mean']:.3f} from then on; {one['times']} since the partition was taken over."
        for one in told["drifts"]
    ]
    versions = [msgspec.convert(version, ModelVersion) for version in told["versions"]]
    if versions:
        lines += ["", "Versions kept:"] + [version_words(version) for version in versions]
    elif told["learned"]:
        lines.append("It learns as it goes, or has not been fitted yet: it has no versions.")
    if told["features"]:
        lines += ["", f"Features: {', '.join(told['features'])}."]
    return lines
