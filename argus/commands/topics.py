"""`argus topics create`."""

import click

from argus.commands import Shell


@click.group("topics")
def command() -> None:
    """The topics on the broker."""


@command.command("create")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option("--partitions", type=click.IntRange(1), help="Partitions of topics keyed by user.")
@click.option("--replication", type=click.IntRange(1), help="Replicas of every topic.")
@click.pass_obj
def create(shell: Shell, broker: str | None, partitions: int | None, replication: int | None) -> int:
    """Declare every topic; status 1 where one exists with another shape."""
    from argus import topics

    settings = shell.settings(broker=broker, partitions=partitions, replication=replication)
    return topics.run(settings, click.echo)
