"""An Apache Kafka that lets in only whom it knows: by name and password, encrypted or not, or by certificate."""

from pathlib import Path

from argus.ports import LOOPBACK, pick
from tests.kafka.certificates import Certificates, certificates
from tests.kafka.node import Node, properties

USER, PASSWORD = "argus", "a password for tests"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"


class SecuredNode(Node):
    """named: the address of SASL_SSL with SCRAM; open_named: of SASL_PLAINTEXT with PLAIN; certified: of SSL with a
    client's certificate. `bootstrap` is its own, which no test of these should use."""

    def __init__(self, directory: Path) -> None:
        self.pem: Certificates = certificates(directory)
        ports = {"NAMED": pick(), "OPENNAMED": pick(), "CERTIFIED": pick()}
        self.named, self.open_named, self.certified = (f"{LOOPBACK}:{port}" for port in ports.values())

        def written(directory: Path, port: int, controller_port: int) -> str:
            text = properties(directory, port, controller_port)
            more = "".join(f",{name}://{LOOPBACK}:{number}" for name, number in ports.items())
            lines = []
            for line in text.splitlines():
                if line.startswith(("listeners=", "advertised.listeners=")):
                    line += more
                if line.startswith("listener.security.protocol.map="):
                    line += ",NAMED:SASL_SSL,OPENNAMED:SASL_PLAINTEXT,CERTIFIED:SSL"
                lines.append(line)
            return "\n".join(
                [
                    *lines,
                    "inter.broker.listener.name=PLAINTEXT",
                    "ssl.keystore.type=PEM",
                    f"ssl.keystore.location={self.pem.broker}",
                    "ssl.truststore.type=PEM",
                    f"ssl.truststore.location={self.pem.authority}",
                    "listener.name.certified.ssl.client.auth=required",
                    "listener.name.named.sasl.enabled.mechanisms=SCRAM-SHA-512",
                    f"listener.name.named.scram-sha-512.sasl.jaas.config={SCRAM};",
                    "listener.name.opennamed.sasl.enabled.mechanisms=PLAIN",
                    f'listener.name.opennamed.plain.sasl.jaas.config={PLAIN} user_{USER}="{PASSWORD}";',
                    "",
                ]
            )

        super().__init__(directory, written, ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"))
