"""`quix`: Argus beside a Quix Streams app that calls the same detection (`benchmarks.quix`)."""

from typing import Final

from benchmarks.beside import Peer
from benchmarks.house import House

EVENTS: Final = 60_000
PEER: Final = Peer(
    "quix",
    "Quix Streams",
    House.quix,
    part=1,
    target=1.5,
    # Quix sends an answer with the time of the event's record.
    stamped=False,
    less=(
        "rates by when a consumer outside had the decisions; both on the embedded broker",
        "Quix Streams writes state every five seconds, after the answers: what it writes at the end is not counted",
        "it has no alerts across users, no commands, no metrics and no fencing of a stopped process",
    ),
)
