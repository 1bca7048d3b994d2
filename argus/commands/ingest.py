"""`argus ingest`."""

from pathlib import Path
from typing import Literal

import click

from argus.commands import Shell


@click.command("ingest")
@click.option("--file", "file", required=True, help="The log file, or - for standard input.")
@click.option("--follow", is_flag=True, help="Go on when its end is reached, through rotation, until Ctrl-C.")
@click.option("--format", "format_", type=click.Choice(["json", "syslog"]), required=True, help="What a line is.")
@click.option(
    "--map",
    "map_",
    help="field=source,... (dots go deeper, a quoted source is a constant), or a YAML file. Without it JSON lines "
    "are events already, and syslog lines are sshd's logins.",
)
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where the position is kept.")
@click.pass_obj
def command(
    shell: Shell,
    file: str,
    follow: bool,
    format_: Literal["json", "syslog"],
    map_: str | None,
    broker: str | None,
    data_dir: Path | None,
) -> int:
    """Follow a log file or standard input into the events topic; it goes on where it left off."""
    from argus import ingest
    from argus.field_map import BadMapping, read_mapping

    path = None if file == "-" else Path(file)
    if path is not None and not path.is_file():
        raise click.UsageError(f"no file {file}")
    try:
        mapping = read_mapping(map_) if map_ else ()
    except BadMapping as error:
        raise click.UsageError(str(error)) from None
    return ingest.run(shell.settings(broker=broker, data_dir=data_dir), path, follow, format_, mapping)
