"""Where an audit chain stands, as bytes."""

from typing import Final

from core.audit import VERSION, Chain
from tables.versions import Codec

CHAINS: Final = Codec(Chain, VERSION, "the state of an audit chain")
