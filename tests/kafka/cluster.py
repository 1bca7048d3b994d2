"""Three Apache Kafka nodes that are one cluster, for what takes more than one: a leader that is lost."""

from pathlib import Path
from typing import Self

from argus.ports import LOOPBACK, pick
from tests.kafka.node import Node, properties

NODES = 3
REPLACED = {
    "node.id",
    "controller.quorum.voters",
    "listeners",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
}


class ClusterNode(Node):
    """One of them. controllers: the ports of all nodes' controllers."""

    def __init__(self, directory: Path, number: int, controllers: list[int]) -> None:
        voters = ",".join(f"{each + 1}@{LOOPBACK}:{port}" for each, port in enumerate(controllers))

        def written(directory: Path, port: int, controller_port: int) -> str:
            del controller_port  # it is known to the others already
            kept = [
                line
                for line in properties(directory, port, controllers[number]).splitlines()
                if line.partition("=")[0] not in REPLACED
            ]
            own = [
                f"node.id={number + 1}",
                f"controller.quorum.voters={voters}",
                f"listeners=PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controllers[number]}",
                f"offsets.topic.replication.factor={NODES}",
                f"transaction.state.log.replication.factor={NODES}",
                f"share.coordinator.state.topic.replication.factor={NODES}",
                # A lost node is found out sooner than by default (9 s), for the test's sake.
                "broker.session.timeout.ms=4000",
                "broker.heartbeat.interval.ms=1000",
                "",
            ]
            return "\n".join(kept + own)

        directory.mkdir()
        super().__init__(directory, written)


class Cluster:
    """Started on entering; what has become of its nodes is ended on leaving."""

    def __init__(self, directory: Path) -> None:
        controllers = [pick() for _ in range(NODES)]
        self.nodes = [ClusterNode(directory / f"node-{number + 1}", number, controllers) for number in range(NODES)]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.start()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            if node.running:
                node.kill()
