"""What would have kept a comparison of a user-defined rule from holding, all else the same."""

from collections.abc import Callable
from typing import Any, Final

from core.rules.unless import Side, Unless, otherwise

_SIDES: Final = {"gt": Side.AT_MOST, "gte": Side.BELOW, "lt": Side.AT_LEAST, "lte": Side.ABOVE}


def lever_of(field: str, get: Callable[..., Any], operator: str, bound: Any) -> Callable[..., Unless]:
    """bound: as it is written in the rule."""
    side = _SIDES.get(operator)
    if side is None:
        words = otherwise(_otherwise(field, operator, bound))
        return lambda *_facts: words
    if field == "amount":
        return lambda action, *facts: Unless(
            side, action.currency or "", float(get(action, *facts)), float(bound), money=True
        )
    return lambda *facts: Unless(side, field, float(get(*facts)), float(bound), named=True)


def _otherwise(field: str, operator: str, bound: Any) -> str:
    if operator == "exists":
        return f"{'without' if bound else 'with any'} {field}"
    if isinstance(bound, bool):
        return f"with {field} {'false' if bound == (operator == 'eq') else 'true'}"
    return f"with {bound} for {field}" if operator == "ne" else f"with another {field}"
