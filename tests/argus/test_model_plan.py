import json

import pytest

from argus.model_plan import WEIGHT, model_plan, policy_of
from argus.settings import LABEL_MODELS, SettingsError, load_settings
from core.policy import MODEL_WEIGHTS
from models.bank import MODELS
from models.modes import MODES
from models.parameters import PARAMETERS
from models.protocol import Model


def test_by_default_the_three_that_learn_as_they_go_decide_and_the_others_are_off() -> None:
    plan = model_plan(load_settings({}))
    assert plan.names == plan.deciding == ("half_space_trees", "one_class_svm", "gaussian")
    assert plan.mode("loda") == plan.mode("oracle") == "off"


def test_a_model_that_shadows_runs_and_weighs_nothing() -> None:
    settings = load_settings({"ARGUS_MODELS": '{"gaussian": "shadow", "isolation_forest": "shadow"}'})
    plan, weights = model_plan(settings), policy_of(settings).model_weights
    assert plan.names == ("half_space_trees", "one_class_svm", "gaussian", "isolation_forest")
    assert plan.deciding == ("half_space_trees", "one_class_svm")
    assert weights["gaussian"] == weights["isolation_forest"] == 0.0
    assert weights["half_space_trees"] == MODEL_WEIGHTS["half_space_trees"]


def test_a_model_that_decides_has_the_weight_that_people_gave_it_or_a_small_one() -> None:
    decides = '{"isolation_forest": "decide", "loda": "decide"}'
    settings = load_settings({"ARGUS_MODELS": decides, "ARGUS_MODEL_WEIGHTS": '{"loda": 0.3}'})
    weights = policy_of(settings).model_weights
    assert (weights["isolation_forest"], weights["loda"]) == (WEIGHT, 0.3)
    assert weights["gaussian"] == 0.0  # whom somebody left out of the weights shadows


@pytest.mark.parametrize("value", ['{"oracle": "decide"}', '{"loda": "maybe"}', "loda"])
def test_models_and_modes_that_are_not_there_are_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="MODELS"):
        load_settings({"ARGUS_MODELS": value})


def test_at_least_one_model_has_to_run() -> None:
    with pytest.raises(SettingsError, match="all models are off"):
        load_settings({"ARGUS_MODELS": json.dumps(dict.fromkeys(MODES, "off"))})


def test_every_model_has_a_mode_and_parameters_and_is_made_by_its_name() -> None:
    assert set(MODES) == set(MODELS)
    assert set(PARAMETERS) == {*MODELS, *LABEL_MODELS}
    for name, make in MODELS.items():
        model: Model = make(("a", "b", "c", "d"), 1)
        assert model.name == name
