"""What may grow how much, and how the verdicts are told and kept."""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean

import msgspec

from tests.soak.soak import Soaked
from tests.soak.verdict import Bound, Verdict, judge

# People and campaigns come in waves, so state does: by a quarter in minutes. What is never forgotten grows by more.
BOUNDS = (
    Bound("worker memory beside RocksDB's buffers", "MiB", per_hour=20, noise=32, settling=32),
    Bound("worker memory", "MiB", per_hour=30, noise=64, settling=32),
    Bound("worker open files", "", per_hour=2, noise=8, in_time=False),
    Bound("worker threads", "", per_hour=1, noise=2, in_time=False),
    Bound("worker disk", "MiB", per_hour=50, noise=80),
    Bound("sink memory", "MiB", per_hour=20, noise=12, in_time=False),
    Bound("sink open files", "", per_hour=2, noise=4, in_time=False),
    Bound("sink threads", "", per_hour=1, noise=2, in_time=False),
    Bound("users keys", "", share=0.25),
    Bound("users state", "KiB", share=0.25),
    Bound("sources keys", "", share=0.25),
    Bound("sources state", "KiB", share=0.5),
    Bound("cases keys", "", share=0.25),
    Bound("latency p50", "ms", noise=20, share=0.5, alone=True),
    Bound("latency p99", "ms", noise=150, share=0.5, alone=True),
)


# Of the processors: where others have more, how late answers are is their doing. So is what piles up once answers are
# so late: fetched events fill memory, and state follows the events at another pace.
OTHERS_MOST = 0.1
BEHIND_MS = 3_000.0


def verdicts(soaked: Soaked) -> list[Verdict]:
    """Raises ValueError where too little was measured."""
    found = [judge(bound, soaked.series[bound.name], soaked.start_s, soaked.end_s) for bound in BOUNDS]
    if others(soaked) <= OTHERS_MOST:
        return found
    behind = next(one for one in found if one.name == "latency p50").middle > BEHIND_MS
    return [
        msgspec.structs.replace(one, verdict="not judged") if bound.alone or (bound.in_time and behind) else one
        for bound, one in zip(BOUNDS, found, strict=True)
    ]


def others(soaked: Soaked) -> float:
    """The share of the processors that other work had while it counted, 0..1."""
    shares = [share for at_s, share in soaked.series["others"] if soaked.start_s <= at_s < soaked.end_s]
    return mean(shares) if shares else 0.0


def broken(soaked: Soaked, found: Iterable[Verdict]) -> list[str]:
    """What fails the run, a line each."""
    lines = [f"{one.name} grows" for one in found if one.verdict == "grows"]
    if soaked.decided != soaked.sent:
        lines.append(f"{soaked.sent:,} events were sent, {soaked.decided:,} decisions came")
    return lines


def show(soaked: Soaked, found: Iterable[Verdict], say: Callable[[str], None]) -> None:
    """A line for each quantity: its median, what it grows by an hour, between what and what, and its bound."""
    measured_s = soaked.end_s - soaked.start_s
    say(f"{soaked.decided:,} of {soaked.sent:,} events decided at {soaked.rate:,.0f}/s; slopes of {measured_s:.0f} s")
    if others(soaked) > OTHERS_MOST:
        say(f"other work had {others(soaked):.0%} of the processors: what hangs on time is not judged")
    say(f"{'':42}{'median':>10}{'growth an hour':>16}{'95 % interval':>22}{'bound':>10}")
    for one in found:
        unit = f"{one.name}, {one.unit}" if one.unit else one.name
        spread = f"{one.low:,.1f} to {one.high:,.1f}"
        say(f"{unit:42}{one.middle:10,.1f}{one.slope:16,.1f}{spread:>22}{one.allowed:10,.1f}  {one.verdict}")


def keep(soaked: Soaked, found: Iterable[Verdict], directory: Path) -> None:
    """`verdicts.json`, and `samples.csv` with a line for each sample."""
    directory.mkdir(parents=True, exist_ok=True)
    head = {name: getattr(soaked, name) for name in Soaked.__struct_fields__ if name != "series"}
    told = msgspec.json.encode({**head, "verdicts": list(found)})
    (directory / "verdicts.json").write_bytes(msgspec.json.format(told) + b"\n")
    with (directory / "samples.csv").open("w", encoding="utf-8") as out:
        out.write("seconds,quantity,value\n")
        for name, samples in soaked.series.items():
            out.writelines(f"{at_s:.1f},{name},{value:.6g}\n" for at_s, value in samples)
