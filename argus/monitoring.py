"""Prometheus and Alertmanager beside `argus up`: the shipped configuration, pointed at this machine's processes.

Rules, service levels and routes are used as they are. Targets are written beside a copy of them, and of the receivers
those remain whose secrets are in `DATA_DIR/secrets`: nobody is told in a place that nobody has set up.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from msgspec import Struct

from argus.ports import LOOPBACK, given_or_picked, pick
from argus.settings import Settings
from argus.supervisor import Child, Say, Spec, keep

SHIPPED: Final = Path(__file__).resolve().parents[1] / "prometheus"
PROMETHEUS_PORT: Final = 9_090
ALERTMANAGER_PORT: Final = 9_093
SECRETS: Final = "/run/secrets/"
# Without these of its `global` part, Alertmanager refuses receivers of that kind.
SLACK: Final = "slack_api_url_file"
MAIL: Final = "smtp_auth_password_file"
ALERTMANAGERS: Final = ("alertmanager", "prometheus-alertmanager")
KEPT: Final = "2d"
KEPT_MOST: Final = "256MB"
ALERTMANAGER_KEPT: Final = "48h"


class Programs(Struct, frozen=True):
    """Where the two are."""

    prometheus: str
    alertmanager: str


class Ports(Struct, frozen=True, kw_only=True):
    """Where everything listens. workers, sink, notify: of their /metrics; the two themselves: on loopback only."""

    metrics_host: str
    api_host: str
    workers: Sequence[int]
    sink: int
    notify: int
    api: int
    prometheus: int
    alertmanager: int

    @property
    def targets(self) -> dict[str, list[str]]:
        """By the name of the file that Prometheus reads them from."""
        return {
            "worker": [_at(self.metrics_host, port) for port in self.workers],
            "sink": [_at(self.metrics_host, self.sink)],
            "notify": [_at(self.metrics_host, self.notify)],
            "api": [_at(self.api_host, self.api)],
            "prometheus": [_at(LOOPBACK, self.prometheus)],
            "alertmanager": [_at(LOOPBACK, self.alertmanager)],
        }


class Beside(Struct, frozen=True):
    """What runs beside the rest."""

    ports: Ports
    specs: Sequence[Spec]

    @property
    def prometheus(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.prometheus}"

    @property
    def alertmanager(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.alertmanager}"


def find() -> Programs | None:
    """The two on PATH; None where either is not there, or the configuration isn't."""
    prometheus = shutil.which("prometheus")
    alertmanager = next(filter(None, map(shutil.which, ALERTMANAGERS)), None)
    if not prometheus or not alertmanager or not (SHIPPED / "prometheus.yml").is_file():
        return None
    return Programs(prometheus, alertmanager)


def beside(settings: Settings, workers: Sequence[int]) -> Beside | None:
    """The two, configured and ready to be started, on their usual ports or on free ones; None where they cannot be.
    workers: the ports of their /metrics."""
    programs = find()
    if programs is None:
        return None
    ports = Ports(
        metrics_host=settings.metrics_host,
        api_host=settings.api_host,
        workers=workers,
        sink=pick(settings.metrics_host),
        notify=pick(settings.metrics_host),
        api=settings.api_port,
        prometheus=given_or_picked(PROMETHEUS_PORT),
        alertmanager=given_or_picked(ALERTMANAGER_PORT),
    )
    directory = settings.data_dir.absolute() / "monitoring"
    write(directory, ports, settings.public_url, settings.api_scheme)
    return Beside(ports, specs(programs, directory, ports))


def write(directory: Path, ports: Ports, public_url: str, api_scheme: str = "http") -> None:
    """The configuration of both, made anew. Secrets are looked for beside the directory."""
    shutil.rmtree(directory / "config", ignore_errors=True)
    config = directory / "config"
    shutil.copytree(SHIPPED / "rules", config / "rules")
    shutil.copytree(SHIPPED / "templates", config / "templates")
    prometheus = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    prometheus["global"]["external_labels"]["argus_url"] = public_url.rstrip("/")
    if api_scheme != "http":
        (job,) = (job for job in prometheus["scrape_configs"] if job["job_name"] == "argus-api")
        # A process of this `argus up`, whose certificate is for another name than this machine's address.
        job |= {"scheme": api_scheme, "tls_config": {"insecure_skip_verify": True}}
    _write(config / "prometheus.yml", prometheus)
    (config / "targets").mkdir()
    for name, targets in ports.targets.items():
        _write(config / "targets" / f"{name}.yml", [{"targets": targets}])
    shipped = yaml.safe_load((SHIPPED / "alertmanager.yml").read_text())
    _write(config / "alertmanager.yml", only_reachable(shipped, directory.parent / "secrets"))


def only_reachable(config: Mapping[str, Any], secrets: Path) -> dict[str, Any]:
    """An Alertmanager's configuration with secrets read from that folder, and without what needs one that is not
    there. Receivers stay, if empty, so that every route does."""
    kept = {key: value for key, value in config["global"].items() if _there(value, secrets)}
    wanting = {kind for kind, needed in (("slack_configs", SLACK), ("email_configs", MAIL)) if needed not in kept}
    receivers = []
    for receiver in config["receivers"]:
        receivers.append({"name": receiver["name"]})
        for kind in sorted(receiver.keys() - {"name"} - wanting):
            there = [_moved(one, secrets) for one in receiver[kind] if _there(one, secrets)]
            if there:
                receivers[-1][kind] = there
    return {**config, "global": _moved(kept, secrets), "receivers": receivers}


def specs(programs: Programs, directory: Path, ports: Ports) -> list[Spec]:
    """The two as children, with their data in the directory. What is kept is small."""
    at = {name: f"{LOOPBACK}:{getattr(ports, name)}" for name in ("prometheus", "alertmanager")}
    config = directory / "config"
    return [
        Spec(
            "prometheus",
            (
                programs.prometheus,
                f"--config.file={config / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--storage.tsdb.retention.time={KEPT}",
                f"--storage.tsdb.retention.size={KEPT_MOST}",
                f"--web.listen-address={at['prometheus']}",
                f"--web.external-url=http://{at['prometheus']}",
                "--enable-feature=exemplar-storage",
                "--log.level=warn",
            ),
            dict(os.environ),
        ),
        Spec(
            "alertmanager",
            (
                programs.alertmanager,
                f"--config.file={config / 'alertmanager.yml'}",
                f"--storage.path={directory / 'alertmanager'}",
                f"--data.retention={ALERTMANAGER_KEPT}",
                # A lone one: it neither looks for others nor listens for them.
                "--cluster.listen-address=",
                f"--web.listen-address={at['alertmanager']}",
                f"--web.external-url=http://{at['alertmanager']}",
                "--log.level=warn",
            ),
            dict(os.environ),
        ),
    ]


@contextlib.asynccontextmanager
async def kept(
    children: list[Child], say: Say, stop: Callable[[list[Child]], Awaitable[None]]
) -> AsyncIterator[None]:
    """The two run, and again when they end, until this is left."""
    tasks = [asyncio.create_task(keep(child, say)) for child in children]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await stop(children)


def _at(host: str, port: int) -> str:
    """Where a server that listens on that address is asked."""
    host = LOOPBACK if host in ("", "0.0.0.0", "::") else host  # noqa: S104 - it is only compared
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _there(value: Any, secrets: Path) -> bool:
    """Whether every secret that is named in there is a file of the folder."""
    if isinstance(value, Mapping):
        return all(_there(each, secrets) for each in value.values())
    if isinstance(value, str) and value.startswith(SECRETS):
        return (secrets / value.removeprefix(SECRETS)).is_file()
    return True


def _moved(value: Any, secrets: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _moved(each, secrets) for key, each in value.items()}
    if isinstance(value, str) and value.startswith(SECRETS):
        return str(secrets.absolute() / value.removeprefix(SECRETS))
    return value


def _write(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
