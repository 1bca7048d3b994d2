"""`argus sink`."""

from pathlib import Path
from typing import Any

import click

from argus.commands import Shell


@click.command("sink")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where argus.db is, unless DATABASE_URL says.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65_535), help="Port of /metrics and /health; 0 picks one.")
@click.option("--migrate-only", is_flag=True, help="Bring the database's tables up to this version, and end.")
@click.pass_obj
def command(
    shell: Shell, broker: str | None, data_dir: Path | None, metrics_port: int | None, migrate_only: bool
) -> int:
    """Follow the topics into the SQL database that the API reads, until Ctrl-C."""
    from argus import sink

    places: dict[str, Any] = {"broker": broker, "data_dir": data_dir, "metrics_port": metrics_port}
    if not migrate_only:
        return sink.run(shell.joining(**places))
    click.echo(f"{sink.migrate_only(shell.settings(**places))} is up to date")
    return 0
