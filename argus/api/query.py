"""Query strings into structs: strict, with a reason for each parameter that is wrong."""

from collections.abc import Iterable
from typing import Any, Final, Protocol, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from argus.api.problems import Fault, Problem, invalid

VALUES_MAX: Final = 20


class Parameters(Protocol):
    """A parsed query string, where a name may come several times."""

    def keys(self) -> Iterable[str]: ...
    def getall(self, key: str) -> list[str]: ...


def query_of(type_: type[Struct] | None, given: Parameters) -> Any:
    """The struct. A field that is a tuple takes several values, with commas or repeated. Raises a `Problem`."""
    names = list(dict.fromkeys(given.keys()))
    if type_ is None:
        if names:
            raise invalid(f"There is no parameter {names[0][:64]}", names[0][:64])
        return None
    hints = get_type_hints(type_)
    values: dict[str, Any] = {}
    for name in names:
        texts = given.getall(name)
        if name not in hints:
            raise invalid(f"There is no parameter {name[:64]}", name[:64])
        if any("\0" in text for text in texts):
            raise invalid("a NUL character is not text", name)
        if get_origin(hints[name]) is tuple:
            several = [part for text in texts for part in text.split(",") if part]
            if not several or len(several) > VALUES_MAX:
                raise invalid(f"expected 1 to {VALUES_MAX} values", name)
            values[name] = several
        elif len(texts) > 1:
            raise invalid("given more than once", name)
        else:
            values[name] = texts[0]
    try:
        found = msgspec.convert(values, type_, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at ")
        where = where.strip("`").removeprefix("$.").partition("[")[0]
        if "matching regex" in reason and (told := _described(type_, where)):
            reason = f"expected {told}"
        raise Problem(400, "invalid", f"{where}: {reason}", errors=[Fault(reason=reason, where=where)]) from None
    for name in values:
        # msgspec takes the text `null` for none. A parameter that is there has a value.
        if getattr(found, name) is None:
            raise invalid("expected a value", name)
    return found


def _described(type_: type[Struct], name: str) -> str:
    """What a parameter is, for people: a pattern tells them little."""
    hint = get_type_hints(type_, include_extras=True).get(name)
    notes = [note for part in (hint, *get_args(hint)) for note in getattr(part, "__metadata__", ())]
    return next((note.description for note in notes if isinstance(note, Meta) and note.description), "")


def is_list(hint: Any) -> bool:
    """Whether a field of a query takes several values."""
    return get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis
