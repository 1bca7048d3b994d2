"""How far thresholds can be set: a rule cannot count more than `core.bounds` and `core.source_state` keep."""

from collections.abc import Mapping
from typing import Final

from core import bounds
from core.clock import DAY, SECOND
from core.habits import AMOUNTS_REMEMBERED
from core.ring import TIES_MOST
from core.source_state import ALL_RING_MAX, PAYMENTS_RING_MAX, RING_MAX
from core.state import HITS_MAX, HITS_MS

_COUNTS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "login_brute_force": (bounds.FAILURES_MAX, ("warn_failures", "challenge_failures")),
    "distributed_brute_force": (bounds.FAILURES_MAX, ("failures", "ips", "networks", "countries", "many_ips")),
    "slow_brute_force": (bounds.FAILURES_MAX, ("day_failures", "week_failures")),
    "success_after_attack": (bounds.FAILURES_MAX, ("failures", "strange_failures")),
    "otp_guessing": (bounds.DENIALS_MAX, ("wrong_codes", "challenge_codes", "slow_codes", "wrong_before_right")),
    "mfa_bombing": (bounds.DENIALS_MAX, ("denials", "challenge_denials", "slow_denials")),
    "payment_velocity": (bounds.PAID_MAX, ("low", "medium", "high", "critical", "slow", "slow_strange", "slow_till")),
    "card_testing": (bounds.DECLINES_MAX, ("declines", "same_card_declines", "week_cards")),
    "failed_payments": (bounds.DECLINES_MAX - 1, ("declines", "same_card_declines")),
    "cards_per_user": (bounds.CARDS_MAX, ("cards", "fresh_cards")),
    "aml_structuring": (bounds.TALL_MAX, ("payments",)),
    "aml_round_amounts": (bounds.ROUND_MAX, ("payments",)),
    "mule_fan_out": (bounds.PAYEES_MAX, ("payees",)),
    "suspicious_browsing": (bounds.VIEWS_MAX, ("views", "doubted_views")),
    "several_weak_signals": (HITS_MAX, ("rules",)),
    "amount_spike": (AMOUNTS_REMEMBERED, ("least_payments",)),
    "brute_force_ip": (RING_MAX, ("failures",)),
    "credential_stuffing": (RING_MAX, ("attempts", "users")),
    "password_spray_source": (RING_MAX, ("users", "attempts", "attempts_each_min")),
    # Of a network; over all there would be room for more.
    "password_spray_many": (RING_MAX, ("ips", "users", "slow_users", "attempts")),
    "lockout_storm": (ALL_RING_MAX, ("locks", "users")),
    "signup_burst": (RING_MAX, ("signups", "quick_signups")),
    "users_per_device": (RING_MAX, ("users",)),
    "users_per_ip": (RING_MAX, ("users",)),
    "cards_per_device": (RING_MAX, ("cards",)),
    "card_enumeration": (RING_MAX, ("cards",)),
    "compromised_merchant": (RING_MAX, ("frauds", "users")),
}
_WINDOWS_MS: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    "login_brute_force": (bounds.FAILURES_MS, ("window_s",)),
    "distributed_brute_force": (bounds.FAILURES_MS, ("window_s",)),
    "success_after_attack": (bounds.FAILURES_MS, ("window_s",)),
    "otp_guessing": (bounds.DENIALS_MS, ("window_s", "slow_window_s")),
    "mfa_bombing": (bounds.DENIALS_MS, ("window_s", "slow_window_s")),
    "payment_velocity": (bounds.PAID_MS, ("window_s", "slow_window_s")),
    "card_testing": (bounds.DECLINES_MS, ("window_s",)),
    "amount_spike": (bounds.ODD_MS, ("series_s", "run_s")),
    "aml_threshold": (bounds.MONEY_MS, ("window_s",)),
    "aml_structuring": (bounds.TALL_MS, ("window_s",)),
    "aml_volume": (bounds.MONEY_MS, ("window_s",)),
    "aml_round_amounts": (bounds.ROUND_MS, ("window_s",)),
    "mule_fan_out": (DAY, ("window_s",)),
    "session_hijack": (DAY, ("window_s", "pause_s", "after_logout_s")),
    "suspicious_browsing": (bounds.VIEWS_MS, ("views_window_s", "frantic_window_s", "doubted_window_s")),
    "several_weak_signals": (HITS_MS, ("window_s",)),
}

# Rule and threshold to the highest value that the rule can work with; others have no limit.
LIMITS: Final[Mapping[tuple[str, str], float]] = {
    **{(rule_id, name): most for rule_id, (most, names) in _COUNTS.items() for name in names},
    **{(rule_id, name): most / SECOND for rule_id, (most, names) in _WINDOWS_MS.items() for name in names},
    ("ring_member", "medium_users"): TIES_MOST,
    ("amount_spike", "run"): bounds.ODD_MAX,
    ("compromised_merchant", "run"): PAYMENTS_RING_MAX,
    ("compromised_merchant", "run_high"): PAYMENTS_RING_MAX,
    ("high_risk", "window_s"): DAY / SECOND,
    ("suspicious_browsing", "sensitive_paths"): bounds.PROBES_MAX,
    ("suspicious_browsing", "paths_window_s"): bounds.PROBES_MS / SECOND,
    ("suspicious_browsing", "many_paths"): bounds.PROBES_MAX,
    ("suspicious_browsing", "many_window_s"): bounds.PROBES_MS / SECOND,
}

# And to the lowest; others have none.
LEASTS: Final[Mapping[tuple[str, str], float]] = {("dormant_account", "idle_s"): bounds.IDLE_MS / SECOND}
