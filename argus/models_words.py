"""Sentences of `argus models show`."""

from collections.abc import Mapping
from typing import Final

from core.model_records import ModelVersion

USUAL_WORDS: Final = "untainted events had been learnt"


def quality_words(quality: Mapping[str, float | None]) -> str:
    """Of a model that learns from labels, by what it had said before they came."""
    recall, false_alarms, trust = quality["recall"], quality["false_alarms"], quality["trust"]
    told = [
        f"{recall:.0%} of the frauds that came to be known since it speaks" if recall is not None else "no fraud yet",
        f"{false_alarms:.2%} of what nobody disputed" if false_alarms is not None else "nothing undisputed yet",
    ]
    return f"In its tail when it happened (prequential): {' and '.join(told)}; trust {trust:.2f}."


def version_words(version: ModelVersion) -> str:
    """One version, indented."""
    state = "in force, pinned" if version.in_force and version.pinned else "in force" if version.in_force else "kept"
    quality = f"; AUC {version.auc:.3f} on {version.tainted} tainted events" if version.auc is not None else ""
    frauds = f", {version.frauds} frauds known" if version.frauds is not None else ""
    since = f" of {version.trained_from} to {version.trained_to}" if version.trained_from else ""
    rows = f"{version.trained_rows:,} rows of {version.learned:,} events{since}"
    return (
        f"  partition {version.partition}, version {version.version} ({state}): fitted {version.fitted} in "
        f"{version.seconds:g} s on {rows}{frauds}{quality}"
    )
