"""`argus health`."""

import click

from argus.commands import Shell


@click.command("health")
@click.option("--api", is_flag=True, help="Ask the API (/ready) and not a worker, sink or notify (/health).")
@click.option("--port", type=click.IntRange(1, 65_535), help="Where it listens; otherwise as the settings say.")
@click.pass_obj
def command(shell: Shell, api: bool, port: int | None) -> int:
    """Ask a process on this machine whether it is able to work, and moves on; status 1 where it is not."""
    from argus.asking import ask
    from argus.certificates import of_own_api

    settings = shell.settings()
    if api:
        good, text = ask(settings.api_host, port or settings.api_port, "/ready", of_own_api(settings))
    else:
        good, text = ask(settings.metrics_host, port or settings.metrics_port, "/health")
    click.echo(text)
    return 0 if good else 1
