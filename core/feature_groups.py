"""What features are about, for whoever watches whether events still look as they did."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FEATURE_GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "amount": ("amount_ratio", "amount_z", "amount_size", "odd_amounts"),
        "payment": ("payments_10m", "spend_24h", "declines", "new_payee"),
        "sign_in": ("failures_1h", "changed"),
        "device": ("new_device",),
        "place": ("new_network", "new_country", "travel"),
        "rhythm": ("silence", "odd_hour"),
    }
)
"""Each of `core.features.FEATURES` is in one."""
