"""Faust's assignor with Argus's own shares where workers stand by for each other (see `agents.assigning`).

A member tells the leader of its group what it had, and is told what it has, as Faust's assignor does it; so groups in
which some have it and some have Faust's own still work.
"""

from collections import defaultdict
from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor

from agents.assigning import Share, assign


class Assignor(PartitionAssignor):
    """Topics that the same members read in as many partitions are shared out as one."""

    def __init__(self, app: Any, replicas: int = 0) -> None:
        """replicas: how many members stand by for each partition."""
        # What Faust would do about standbys is done over.
        super().__init__(app, 0)
        self._copies = replicas
        self._before: dict[str, ClientAssignment] = {}

    def _perform_assignment(self, cluster: Any, member_metadata: Any) -> Any:
        self._before = {
            member: self._get_client_metadata(metadata).assignment for member, metadata in member_metadata.items()
        }
        return super()._perform_assignment(cluster, member_metadata)

    def _global_table_standby_assignments(self, assignments: Any, partitions_by_topic: Any) -> Any:
        """The last that Faust does before it tells members what they have."""
        groups: dict[tuple[int, frozenset[str]], set[str]] = defaultdict(set)
        for topic, partitions in partitions_by_topic.items():
            members = frozenset(member for member, shares in assignments.items() if topic in shares.actives)
            groups[partitions, members].add(topic)
        for (partitions, members), topics in groups.items():
            before = {}
            for member in members:
                had = self._before[member].copartitioned_assignment(topics)
                before[member] = Share(set(had.actives), set(had.standbys))
            for member, share in assign(partitions, before, self._copies).items():
                for topic in topics:
                    assignments[member].actives[topic] = sorted(share.actives)
                    assignments[member].standbys[topic] = sorted(share.standbys)
        return assignments
