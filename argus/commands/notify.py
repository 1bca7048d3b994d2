"""`argus notify`."""

from pathlib import Path
from typing import Any

import click

from argus.commands import Shell


@click.command("notify")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option(
    "--datadir",
    "--data-dir",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its table is; each process needs its own.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65_535), help="Port of /metrics and /health; 0 picks one.")
@click.option(
    "--check", is_flag=True, help="Only read the settings and the channels, and say whether they are right."
)
@click.pass_obj
def command(shell: Shell, broker: str | None, data_dir: Path | None, metrics_port: int | None, check: bool) -> int:
    """Page on-call, write to channels and deliver one-time passwords until Ctrl-C.

    It needs the workers' ARGUS_SECRET: one-time passwords are derived from it.
    """
    places: dict[str, Any] = {"broker": broker, "data_dir": data_dir, "metrics_port": metrics_port}
    from argus.notify import app

    if check:
        return app.check(shell.settings(**places))
    return app.run(shell.joining(**places))
