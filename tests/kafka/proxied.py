"""An Apache Kafka that sends those who come through a proxy back through it, and others to itself."""

from pathlib import Path

from argus.ports import LOOPBACK, pick
from tests.kafka.node import Node, properties


class ProxiedNode(Node):
    """behind: the port that the proxy passes on to. `bootstrap` is the way around the proxy."""

    def __init__(self, directory: Path, proxy_port: int) -> None:
        self.behind = pick()

        def written(directory: Path, port: int, controller_port: int) -> str:
            lines = []
            for line in properties(directory, port, controller_port).splitlines():
                if line.startswith("listeners="):
                    line += f",PROXIED://{LOOPBACK}:{self.behind}"
                if line.startswith("advertised.listeners="):
                    line += f",PROXIED://{LOOPBACK}:{proxy_port}"
                if line.startswith("listener.security.protocol.map="):
                    line += ",PROXIED:PLAINTEXT"
                lines.append(line)
            return "\n".join([*lines, "inter.broker.listener.name=PLAINTEXT", ""])

        super().__init__(directory, written)
