"""`argus serve`."""

from pathlib import Path

import click

from argus.commands import Shell


@click.command("serve")
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 picks a free one.")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the secret is, and argus.db unless DATABASE_URL says.",
)
@click.pass_obj
def command(shell: Shell, host: str | None, port: int | None, broker: str | None, data_dir: Path | None) -> int:
    """Serve the API and the console until Ctrl-C. Several can run side by side."""
    settings = shell.joining(broker=broker, data_dir=data_dir, api_host=host, api_port=port)
    from argus.api import serve

    return serve.run(settings)
