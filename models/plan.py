"""Which unsupervised models run, and what for."""

from collections.abc import Mapping

from msgspec import Struct

from models.fitting import Fitting
from models.modes import MODES, ModelMode, Unsupervised, running


class ModelPlan(Struct, frozen=True):
    """modes: by name. One that decides weighs in the risk, is asked by rules and explains; one that shadows is told
    in decisions and measured, and leads to nothing. fitting: who fits, None for here and now."""

    modes: Mapping[Unsupervised, ModelMode] = MODES
    fitting: Fitting | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Of those that run. Errors: ValueError if there is none."""
        return running(self.modes)

    @property
    def deciding(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if self.mode(name) == "decide")

    def mode(self, name: str) -> ModelMode:
        """Of any model; `off` for one that is not known."""
        for known, usual in MODES.items():
            if known == name:
                return self.modes.get(known, usual)
        return "off"
