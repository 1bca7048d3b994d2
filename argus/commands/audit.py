"""`argus audit verify` and `argus audit export`."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argus.commands import FILE_IN, FILE_OUT, Shell

if TYPE_CHECKING:
    from argus.settings import Settings

DATA_DIR = click.Path(file_okay=False, path_type=Path)


@click.group("audit")
def command() -> None:
    """The audit chains: who did what, when and why."""


def _settings(shell: Shell, broker: str | None, data_dir: Path | None) -> "Settings":
    settings = shell.settings(broker=broker, data_dir=data_dir)
    # A broker that does not answer is told in one line of ours.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings


@command.command("verify")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option("--file", "file", type=FILE_IN, help="Audit records in a file, a line each, instead of the topic.")
@click.option(
    "--checkpoints",
    type=FILE_IN,
    multiple=True,
    help="A file of checkpoints that the chains must contain.",
)
@click.option("--data-dir", type=DATA_DIR, help="Where the secret is, and the workers' checkpoints.")
@click.option("--unsigned", is_flag=True, help="Check the hashes alone, without the secret.")
@click.option("--partial", is_flag=True, help="The chains may begin behind their first record.")
@click.option("--open-end", is_flag=True, help="A file may end anywhere: neither a seal nor checkpoints are needed.")
@click.pass_obj
def verify(
    shell: Shell,
    broker: str | None,
    file: Path | None,
    checkpoints: tuple[Path, ...],
    data_dir: Path | None,
    unsigned: bool,
    partial: bool,
    open_end: bool,
) -> int:
    """Check the audit chains; status 1 and the first broken record of each partition where one is broken."""
    from argus import audit

    settings = _settings(shell, broker, data_dir)
    key = audit.key_of(settings, unsigned)
    if file is not None:
        return audit.verify_file(file, key, checkpoints, partial=partial, open_end=open_end, echo=click.echo)
    return asyncio.run(audit.verify_topic(settings, key, checkpoints, partial=partial, echo=click.echo))


@command.command("export")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option("--out", required=True, type=FILE_OUT, help="Where the records go, a line each, then a seal.")
@click.option("--data-dir", type=DATA_DIR, help="Where the secret is.")
@click.option("--unsigned", is_flag=True, help="Without the secret: hashes are checked, and the seal is not signed.")
@click.pass_obj
def export(shell: Shell, broker: str | None, out: Path, data_dir: Path | None, unsigned: bool) -> int:
    """Write the whole audit topic to a file that `argus audit verify --file` can check on its own."""
    from argus import audit

    settings = _settings(shell, broker, data_dir)
    return asyncio.run(audit.export(settings, out, audit.key_of(settings, unsigned), click.echo))
