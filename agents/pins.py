"""Which versions of fitted models people want, as the models topic says."""

from collections.abc import Mapping
from typing import Final

import msgspec

from core.model_records import PIN, read_pin

PINS_MOST: Final = 64


class Pins:
    """Fed by a view of the models topic. The mapping is replaced as a whole, never changed."""

    def __init__(self) -> None:
        self.current: Mapping[str, int] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record of the topic; those that aren't pins are passed over. Raises ValueError for a pin that can't
        be read, or one too many: those in force go on."""
        if key is None or not key.startswith(PIN):
            return
        name = key[len(PIN) :].decode("utf-8", "replace")
        wanted = dict(self.current)
        if value is None:
            wanted.pop(name, None)
        else:
            try:
                pin = read_pin(value)
            except msgspec.MsgspecError as error:
                raise ValueError(f"a pin that can't be read: {error}") from error
            if pin.model != name:
                raise ValueError(f"a pin of {pin.model} under the key of {name}")
            wanted[name] = pin.version
            if len(wanted) > PINS_MOST:
                raise ValueError(f"there are {PINS_MOST} pins already")
        self.current = wanted
