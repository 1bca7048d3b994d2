"""Every attack by name. An attack plays one campaign on a `Stage`."""

from collections.abc import Callable
from typing import Final

from simulation.attacks.bots import device_ring, fake_signups, scraping
from simulation.attacks.money import (
    aml_round_amounts,
    aml_structuring,
    aml_threshold,
    aml_volume,
    mule_fan_out,
)
from simulation.attacks.passwords import (
    credential_stuffing,
    distributed_brute_force,
    distributed_spray,
    distributed_stuffing,
    login_brute_force,
    mfa_bombing,
    otp_guessing,
    password_spray,
)
from simulation.attacks.payments import amount_spike, card_testing, compromised_merchant, stolen_card, velocity
from simulation.attacks.rings import mule_ring
from simulation.attacks.stage import Stage
from simulation.attacks.takeover import (
    account_takeover,
    dormant_takeover,
    impossible_travel,
    new_device_payment,
    session_hijack,
    takeover_wave,
)

Attack = Callable[[Stage], None]

ATTACKS: Final[dict[str, Attack]] = {
    attack.__name__: attack
    for attack in (
        account_takeover,
        login_brute_force,
        distributed_brute_force,
        credential_stuffing,
        distributed_stuffing,
        password_spray,
        distributed_spray,
        takeover_wave,
        impossible_travel,
        session_hijack,
        otp_guessing,
        mfa_bombing,
        new_device_payment,
        velocity,
        amount_spike,
        card_testing,
        stolen_card,
        compromised_merchant,
        dormant_takeover,
        aml_structuring,
        aml_threshold,
        aml_volume,
        aml_round_amounts,
        mule_fan_out,
        scraping,
        fake_signups,
        device_ring,
        mule_ring,
    )
}
# Those that come only where they are asked for by name, so that a seed goes on to give the same events.
BY_NAME: Final = frozenset({"mule_ring"})
UNNAMED: Final = tuple(name for name in ATTACKS if name not in BY_NAME)
