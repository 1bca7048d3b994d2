"""Whether a process that works on partitions is able to work, and whether it moves on."""

from collections.abc import Mapping
from typing import Any

from agents.lanes import Lanes


def health_of(lanes: Mapping[str, Lanes], stall_s: float, *, waits: bool = False) -> tuple[bool, dict[str, Any]]:
    """Healthy: it has been given its partitions, has taken all of them over, and none has been at one batch for
    longer than `stall_s`. `live` tells of the last alone: while it is true, to start the process again would only
    make it begin anew. waits: for something outside, so that nothing can be expected of it."""
    stalled_s = max((each.stalled_s() for each in lanes.values()), default=0.0)
    live = waits or stalled_s <= stall_s
    facts = {name: each.partitions for name, each in lanes.items()}
    return live and all(each.ready for each in lanes.values()), {
        **facts,
        "live": live,
        "stalled_s": round(stalled_s, 1),
    }
