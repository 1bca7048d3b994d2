"""What is learnt from labels, by the settings."""

from argus.settings import LABEL_MODELS, Settings
from core.clock import DAY
from models.labelled import Plan


def label_plan(settings: Settings) -> Plan:
    """A model that the setting doesn't name is as it is by default."""
    return Plan(
        modes={name: settings.label_models.get(name, mode) for name, mode in LABEL_MODELS.items()},
        rows_most=settings.label_rows,
        window_ms=int(settings.label_window_days * DAY),
        delay_ms=int(settings.label_delay_days * DAY),
    )
