"""`faust`: Argus beside an idiomatic Faust app that calls the same detection (`benchmarks.idiomatic`)."""

from typing import Final

from benchmarks.beside import Peer
from benchmarks.house import House

EVENTS: Final = 60_000
# The idiomatic app would take minutes for as many.
PEER: Final = Peer("faust", "idiomatic Faust", House.idiomatic, part=6, target=3)
