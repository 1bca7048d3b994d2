"""What has come of a simulated attack so far."""

from collections import Counter
from typing import Any, Final

from argus.api.problems import not_found
from argus.api.services import Services
from argus.api.simulated import PREFIX, Run
from core.records import Lock

SHOWN: Final = 60
RUN_CHARS: Final = 8


def watched(services: Services, run_id: str) -> dict[str, Any]:
    """For the page of a run, also where another process plays it. Raises a `Problem`."""
    if len(run_id) != RUN_CHARS or not run_id.isalnum():
        raise not_found("There is no such run")
    run = services.simulated.run(run_id)
    prefix = f"{PREFIX}{run_id}-"
    told = services.simulated.about(prefix)
    alerts = services.feed.about(prefix)
    if run is None and not told and not alerts:
        raise not_found("There is no such run, or it is over for long")
    attack = [decision for decision in told if decision.event_id.startswith(f"{prefix}a")]
    return {
        "run": run or Run(run_id, "", "", 0, "", 0, ended=True),
        "decided": len(attack),
        "verdicts": Counter(decision.decision for decision in attack),
        "decisions": attack[: -SHOWN - 1 : -1],
        "alerts": alerts,
        "locks": _locks(services, {decision.user_id for decision in told}),
        "before": len(told) - len(attack),
    }


def _locks(services: Services, users: set[str]) -> list[Lock]:
    found = (services.locks.get(user_id) for user_id in users)
    return sorted(
        (lock for lock in found if lock is not None), key=lambda lock: (lock.since, lock.user_id), reverse=True
    )
