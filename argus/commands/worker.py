"""`argus worker`."""

from pathlib import Path

import click

from argus.commands import Shell


@click.command("worker")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option(
    "--datadir",
    "--data-dir",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where this worker's tables are; each worker needs its own.",
)
@click.option("--metrics-port", type=click.IntRange(0, 65_535), help="Port of /metrics and /health; 0 picks one.")
@click.pass_obj
def command(shell: Shell, broker: str | None, data_dir: Path | None, metrics_port: int | None) -> int:
    """Run one stream worker on an existing Kafka until Ctrl-C."""
    from argus import worker

    return worker.run(shell.joining(broker=broker, data_dir=data_dir, metrics_port=metrics_port))
