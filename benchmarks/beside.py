"""Argus beside a peer that calls the same detection, in turns on fresh brokers."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from msgspec import Struct

from argus.settings import Settings
from benchmarks.drain import drain
from benchmarks.events import Events
from benchmarks.figures import Result, Target, figure, ratios
from benchmarks.house import House
from benchmarks.process import Child

RUNS: Final = 3


class Peer(Struct, frozen=True):
    """part: Argus gets so many times its events, and takes as long; target: how many times as fast Argus should be;
    stamped: see `drain`; less: what it does less than Argus, as notes."""

    benchmark: str
    name: str
    start: Callable[[House], AbstractContextManager[Child]]
    part: int
    target: float
    stamped: bool = True
    less: tuple[str, ...] = ()


def run(settings: Settings, events: Events, count: int, peer: Peer) -> Result:
    few = max(1_000, count // peer.part)
    ours, theirs = [], []
    for _ in range(RUNS):
        ours.append(asyncio.run(drain(settings, events, count, House.worker, stamped=peer.stamped)))
        theirs.append(asyncio.run(drain(settings, events, few, peer.start, stamped=peer.stamped)))
    rate = ratios([one.rate for one in ours], [one.rate for one in theirs])
    cpu = ratios([one.cpu_us for one in theirs], [one.cpu_us for one in ours])
    return Result(
        peer.benchmark,
        (
            figure("Argus", "/s", [one.rate for one in ours]),
            figure(peer.name, "/s", [one.rate for one in theirs]),
            figure(f"Argus against {peer.name}", "times", rate, Target(peer.target, "higher")),
            figure("Argus", "us/event", [one.cpu_us for one in ours]),
            figure(peer.name, "us/event", [one.cpu_us for one in theirs]),
            figure("processor time saved", "times", cpu),
        ),
        (
            f"{count:,} events for Argus and the first {few:,} of them for the other, in turns on fresh brokers",
            *peer.less,
        ),
    )
