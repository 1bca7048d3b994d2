"""What the moving parts below the agents report: lanes, shards, producers. Calls are cheap and never raise."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

Stage = Literal["changelog", "store", "send"]


class BatchMeter(Protocol):
    """Told by lanes."""

    def agent(self, topic: str) -> str:
        """The name of who reads a topic."""

    def batch(self, topic: str, records: int, seconds: float) -> None:
        """One batch done."""

    def taken_over(self, topics: Sequence[str], *, again: bool) -> None:
        """A table's partitions are assigned. again: not for the first time in this process."""


class ShardMeter(Protocol):
    """Told by shards."""

    def timed(self, stage: Stage, seconds: float) -> None:
        """A stage of a step is done."""

    def caught_up(self, records: int) -> None:
        """A takeover has read so many records of the changelog."""

    def unsent(self, outputs: Sequence[Any]) -> None:
        """Outputs (`agents.shard.Output`) of whose acknowledgement nothing is known: sending failed, or a takeover
        found them in the last owner's outbox."""


class SendMeter(Protocol):
    """Told by producers."""

    def sent(self, topic: str, records: int, seconds: float) -> None:
        """The broker has acknowledged a batch."""

    def refused(self, topic: str, records: int) -> None:
        """The broker has not taken a batch."""


class Unmetered:
    """Nobody wants to know."""

    def agent(self, topic: str) -> str:
        return topic

    def batch(self, *_: object) -> None:
        return

    def taken_over(self, *_: object, **__: object) -> None:
        return

    def timed(self, *_: object) -> None:
        return

    def caught_up(self, *_: object) -> None:
        return

    def unsent(self, *_: object) -> None:
        return

    def sent(self, *_: object) -> None:
        return

    def refused(self, *_: object) -> None:
        return


UNMETERED = Unmetered()
