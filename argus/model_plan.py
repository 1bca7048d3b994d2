"""The unsupervised models by the settings."""

from typing import Final

import msgspec

from argus.settings import Settings
from core.policy import MODEL_WEIGHTS, Policy
from models.fitting import Fitting
from models.plan import ModelPlan

WEIGHT: Final = 0.05
"""A model's that people let decide, and that has none in `model_weights`."""


def model_plan(settings: Settings, fitting: Fitting | None = None) -> ModelPlan:
    """fitting: who fits, None for here and now."""
    return ModelPlan(settings.models, fitting)


def policy_of(settings: Settings) -> Policy:
    """The policy in force: a model that only shadows weighs nothing, and one that decides and is given no weight has
    `WEIGHT`."""
    plan = model_plan(settings)
    weights = settings.policy.model_weights
    deciding = {name: weights.get(name, 0.0 if name in MODEL_WEIGHTS else WEIGHT) for name in plan.deciding}
    shadows = dict.fromkeys(set(plan.names) - set(plan.deciding), 0.0)
    return msgspec.structs.replace(settings.policy, model_weights=weights | deciding | shadows)
