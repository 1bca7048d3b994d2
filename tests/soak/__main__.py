"""`python -m tests.soak`: one soak, on a node of Apache Kafka of its own or on `--broker`. The exit status is 1 where
something grows or is lost, 2 where it can't be run."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from argus.broker import answers
from benchmarks.process import BenchError
from tests.kafka.node import Node, NoKafka
from tests.soak.report import broken, keep, show, verdicts
from tests.soak.soak import soak

KAFKA_WITHIN_S = 120.0


@contextmanager
def kafka() -> Iterator[str]:
    """The address of a node that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="argus-soak-kafka-", ignore_cleanup_errors=True) as directory:
        node = Node(Path(directory))
        node.start()
        try:
            if not asyncio.run(answers(node.bootstrap, KAFKA_WITHIN_S)):
                raise BenchError(f"Kafka does not answer: {node.log()[-1_000:]}")
            yield node.bootstrap
        finally:
            node.stop()


@contextmanager
def there(broker: str) -> Iterator[str]:
    yield broker


@click.command()
@click.option("--seconds", default=1_800.0, type=click.FloatRange(60), help="How long the load goes on.")
@click.option("--most", default=3_000.0, type=click.FloatRange(100), help="Events a second, at most.")
@click.option("--broker", help="host:port of a Kafka that is there, instead of one of its own.")
@click.option("--out", default=Path("build/soak"), type=click.Path(path_type=Path), help="Where samples are kept.")
def main(seconds: float, most: float, broker: str | None, out: Path) -> None:
    """A steady load at 70 % of what a worker works off, people who come and go, and the slopes of what it holds."""
    try:
        with there(broker) if broker else kafka() as bootstrap:
            soaked = asyncio.run(soak(bootstrap, seconds, most, click.echo))
        found = verdicts(soaked)
    except (BenchError, NoKafka, ValueError) as error:
        click.echo(f"soak: {error}", err=True)
        sys.exit(2)
    show(soaked, found, click.echo)
    keep(soaked, found, out)
    click.echo(f"samples in {out}")
    lines = broken(soaked, found)
    for line in lines:
        click.echo(f"soak: {line}", err=True)
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
