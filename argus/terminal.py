"""What `argus up` writes: where to look, what happened, and the alerts; as text or as JSON lines."""

import sys
from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct

from argus.settings import Settings
from argus.watching import Chosen, Wanted, line


class Addresses(Struct, frozen=True):
    """Where everything is. prometheus, alertmanager: None where they do not run."""

    broker: str
    api: str
    metrics: tuple[str, ...]
    topic_prefix: str
    data_dir: str
    prometheus: str | None = None
    alertmanager: str | None = None


class Terminal:
    """With JSON, standard output has the addresses and then the alert records, as they are; all else is on stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._chosen = Chosen(Wanted())

    def say(self, text: str) -> None:
        """Something happened that whoever watches should know."""
        out = sys.stderr if self._as_json else sys.stdout
        out.write(f"{text}\n")
        out.flush()

    def greet(self, addresses: Addresses, settings: Settings, *, embedded: bool, traffic: bool) -> None:
        """Once, when it is ready."""
        if self._as_json:
            self._write(msgspec.json.encode({"ready": addresses}).decode())
            return
        elsewhere = "" if settings.data_dir == Settings().data_dir else f" --data-dir {settings.data_dir}"
        kind = "embedded, in memory: what it holds ends with it" if embedded else "existing Kafka"
        lines = [
            "Argus is running. Ctrl-C stops it.",
            f"  broker   {addresses.broker} ({kind})",
            f"  console  {addresses.api} (for a login: argus user create NAME --role analyst{elsewhere})",
            f"  api      {addresses.api}/openapi.json",
            f"  topics   {addresses.topic_prefix}*",
            *(f"  metrics  {address}" for address in addresses.metrics),
            f"  logs     {addresses.data_dir}/run",
        ]
        if addresses.prometheus:
            lines.append(f"  watched  {addresses.prometheus} (Prometheus), {addresses.alertmanager} (Alertmanager)")
        if traffic:
            lines.append(f"  traffic  simulated, {settings.simulate_rate:g} events/s, seed {settings.seed}")
        self._write("\n".join([*lines, "Alerts:"]))

    async def show(self, records: AsyncIterator[bytes]) -> None:
        """Each alert as it comes, for as long as they do."""
        async for record in records:
            if self._as_json:
                self._write(record.decode(errors="replace"))
            elif alert := self._chosen.alert(record):
                self._write(line(alert, color=False))

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
