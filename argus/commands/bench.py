"""`argus bench`."""

import click

from argus.commands import Shell


@click.command("bench")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--events", type=click.IntRange(1_000), help="Events of each measurement.")
@click.option("--broker", help="host:port of a Kafka to measure latency on, instead of embedded brokers.")
@click.pass_obj
def command(shell: Shell, names: tuple[str, ...], as_json: bool, events: int | None, broker: str | None) -> int:
    """Run the benchmarks (or those named), side by side with the peers that are installed."""
    from benchmarks.main import run

    settings = shell.settings()
    # As `argus up` begins, with one worker.
    alone = shell.settings(profile={"partitions": 1})
    return run(settings, alone, names=names, as_json=as_json, events=events, at=broker)
