from pathlib import Path
from typing import Any

import pytest

from argus.model_candidate import BadModels, candidate
from argus.model_plan import model_plan, policy_of
from argus.settings import Settings, load_settings

IN_FORCE = load_settings({"ARGUS_MODELS": '{"loda": "shadow"}', "ARGUS_SEED": "11"})


def written(folder: Path, text: str | bytes, kind: str = "yaml") -> Path:
    path = folder / f"candidate.{kind}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


YAML = """
models:
  gaussian: off
  autoencoder: decide
label_models: {random_forest: shadow}
model_weights: {half_space_trees: 0.3}
fraud_score_threshold: 60
label_delay_days: 3
rule_anomaly_score_0_1: 0.999
rule_anomaly_mode: shadow
"""
TOML = """
fraud_score_threshold = 60
label_delay_days = 3
rule_anomaly_score_0_1 = 0.999
rule_anomaly_mode = "shadow"
model_weights.half_space_trees = 0.3
[models]
gaussian = "off"
autoencoder = "decide"
[label_models]
random_forest = "shadow"
"""


@pytest.mark.parametrize(("kind", "text"), [("yaml", YAML), ("toml", TOML)])
def test_what_the_file_says_is_changed_and_all_else_stays_in_force(kind: str, text: str, tmp_path: Path) -> None:
    settings = candidate(written(tmp_path, text, kind), IN_FORCE)
    assert settings.models == {**IN_FORCE.models, "gaussian": "off", "autoencoder": "decide"}
    assert settings.models["loda"] == "shadow"
    assert model_plan(settings).deciding == ("half_space_trees", "one_class_svm", "autoencoder")
    assert settings.label_models == {**IN_FORCE.label_models, "random_forest": "shadow"}
    assert settings.label_delay_days == 3
    weights = policy_of(settings).model_weights
    assert (weights["half_space_trees"], weights["one_class_svm"], weights["autoencoder"]) == (0.3, 0.05, 0.05)
    assert (settings.policy.fraud_score_threshold, settings.policy.block_score_threshold) == (60, 95)
    assert settings.thresholds["rule_anomaly_score_0_1"] == 0.999
    assert settings.modes["anomaly"] == "shadow"
    assert (settings.seed, settings.policy.late_s) == (11, IN_FORCE.policy.late_s)


@pytest.mark.parametrize(
    ("kind", "text", "line", "words"),
    [
        ("yaml", "models:\n  gausian: off", 2, "gausian is no model; did you mean gaussian?"),
        ("yaml", "models:\n  gaussian: maybe", 2, "models.gaussian is one of decide, shadow, off, not 'maybe'"),
        ("yaml", "label_models: {gaussian: off}", 1, "gaussian is no model; there are logistic_regression"),
        ("yaml", "\nmodel_weights:\n  gaussian: 7", 3, "the weight of gaussian is a number from 0 to 1"),
        ("yaml", "models: decide", 1, "models is a mapping of names to values"),
        ("yaml", "rank_weight: 0\nfraud_score: 60", 2, "fraud_score is no setting of models; did you mean"),
        ("yaml", "late_s: 60", 1, "late_s is no setting of models; "),
        ("yaml", "fraud_score_threshold: high", 1, "fraud_score_threshold is a number from 0 to 100"),
        ("yaml", "label_window_days: 0", 1, "label_window_days: '0' will not do"),
        ("yaml", "label_rows: 1000.5", 1, "label_rows: '1000.5' will not do"),
        ("yaml", "rule_anomaly_mode: on", 1, "expected one of live, shadow, off"),
        ("yaml", "rule_anomaly_ratio: [1]", 1, "rule_anomaly_ratio is one value"),
        ("yaml", "tail_quantile: 0.99999", 1, "tail_full_quantile (0.9999) is to be above tail_quantile (0.99999)"),
        ("yaml", "models: {half_space_trees: off, one_class_svm: off, gaussian: off, loda: off}", 1,
         "all models are off"),
        ("yaml", "", 1, "a file of models has at least one of models, label_models"),
        ("yaml", "- models", 1, "a file of models has at least one of"),
        ("yaml", "a: [", 1, "not YAML"),
        ("yaml", b"a: 1\n\xff", 2, "not UTF-8"),
        ("toml", "x = ", 1, "not TOML"),
        ("toml", '# of mine\n[models]\ngaussian = "maybe"', 3, "models.gaussian is one of decide, shadow, off"),
        ("toml", "rank_weight = 0.2\n\n[model_weights]\ngaussian = 3", 4, "the weight of gaussian is"),
        ("toml", 'rank_weight = 0.2\nmodels.gausian = "off"', 2, "gausian is no model"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_the_line(kind: str, text: Any, line: int, words: str, tmp_path: Path) -> None:
    path = written(tmp_path, text, kind)
    with pytest.raises(BadModels) as refused:
        candidate(path, IN_FORCE)
    assert str(refused.value).startswith(f"{path}, line {line}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModels, match="bytes are more than"):
        candidate(written(tmp_path, "#" * (1 << 21)), Settings())


def test_the_example_in_the_documentation_can_be_tried() -> None:
    settings = candidate(Path(__file__).parents[2] / "docs" / "examples" / "models.yaml", Settings())
    assert model_plan(settings).deciding == ("half_space_trees", "gaussian", "autoencoder")
    assert settings.policy.fraud_score_threshold == 70
