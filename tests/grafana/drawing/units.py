"""Values as people read them, by Grafana's names of units."""

import math
from datetime import UTC, datetime
from typing import Final

SUFFIXES: Final = {"eps": " /s", "ops": " op/s", "reqps": " req/s"}


def worded(value: float, unit: str, decimals: int | None = None) -> str:
    if math.isnan(value):
        return "NaN"
    if unit == "percentunit":
        return f"{_round(value * 100, decimals)} %"
    if unit == "s":
        return _seconds(value, decimals)
    if unit in ("bytes", "Bps"):
        return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB"), decimals) + ("/s" if unit == "Bps" else "")
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _scaled(value, 1_000, ("", "K", "M", "G"), decimals) + SUFFIXES.get(unit, "")


def _round(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    shown = f"{value:.3g}" if abs(value) < 1_000 else f"{value:.0f}"
    return f"{float(shown):g}" if "e" in shown and abs(value) >= 1e-4 else shown


def _scaled(value: float, step: float, names: tuple[str, ...], decimals: int | None) -> str:
    place = 0
    while abs(value) >= step and place < len(names) - 1:
        value, place = value / step, place + 1
    return f"{_round(value, decimals)} {names[place]}".rstrip()


def _seconds(value: float, decimals: int | None) -> str:
    size = abs(value)
    for bound, factor, name in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7_200, 1 / 60, "min"),
                                (172_800, 1 / 3_600, "h")):  # fmt: skip
        if size < bound:
            return f"{_round(value * factor, decimals)} {name}" if value else "0 s"
    return f"{_round(value / 86_400, decimals)} d"


def ticks(low: float, high: float, count: int, base: float = 10) -> list[float]:
    """Round numbers between two bounds, about as many as asked for. base: 2 for bytes."""
    spread = high - low
    if spread <= 0 or not math.isfinite(spread):
        return [low]
    rough = spread / count
    power = base ** math.floor(math.log(rough, base))
    step = next(
        power * factor for factor in ((1, 2, 5, 10) if base == 10 else (1, 2)) if power * factor >= rough * 0.99
    )
    first = math.ceil(low / step) * step
    return [first + i * step for i in range(int((high - first) / step + 1.001))]
