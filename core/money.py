"""Amounts in different currencies, made roughly comparable.

Thresholds are in dollars. One unit of a currency below is worth a dollar divided by its number, to one digit: enough
for thresholds that are themselves round, and no feed of rates that would make a replay depend on the day it runs.
"""

from typing import Final

PER_DOLLAR: Final[dict[str, float]] = {
    "AED": 4, "ARS": 1_000, "AUD": 1.5, "BDT": 100, "BGN": 2, "BRL": 5, "CAD": 1.5, "CHF": 1, "CLP": 900, "CNY": 7,
    "COP": 4_000, "CRC": 500, "CZK": 20, "DKK": 7, "DZD": 130, "EGP": 50, "EUR": 1, "GBP": 0.8, "HKD": 8, "HUF": 350,
    "IDR": 16_000, "ILS": 4, "INR": 80, "IRR": 42_000, "ISK": 140, "JPY": 150, "KES": 130, "KHR": 4_000, "KRW": 1_400,
    "KWD": 0.3, "KZT": 500, "LAK": 20_000, "LBP": 90_000, "LKR": 300, "MAD": 10, "MMK": 2_000, "MXN": 20, "MYR": 4,
    "NGN": 1_500, "NOK": 10, "NZD": 1.6, "PEN": 4, "PHP": 60, "PKR": 300, "PLN": 4, "PYG": 7_000, "QAR": 4,
    "RON": 4.5, "RSD": 100, "RUB": 90, "SAR": 4, "SEK": 10, "SGD": 1.3, "THB": 35, "TRY": 40, "TWD": 30, "TZS": 2_500,
    "UAH": 40, "UGX": 3_600, "USD": 1, "UYU": 40, "UZS": 12_000, "VND": 25_000, "XAF": 600, "XOF": 600, "ZAR": 18,
}  # fmt: skip


def rough_dollars(amount: float, currency: str | None) -> float:
    """What `amount` is worth, within some tens of percent. A currency not listed, or none, counts as dollars."""
    if currency is None or currency == "USD":
        return amount
    return amount / PER_DOLLAR.get(currency, 1.0)
