"""`argus models list`, `show`, `rollback` and `release`."""

import asyncio
import logging
from typing import TYPE_CHECKING

import click
import msgspec

from argus.commands import Shell

if TYPE_CHECKING:
    from argus.models_topic import Registry
    from argus.settings import Settings

BROKER = click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
BY = click.option("--by", default="admin", show_default=True, help="Who asks for it, for the audit.")
WHY = click.option("--reason", default="", help="Why, for the audit.")
JSON = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


@click.group("models")
def command() -> None:
    """The models, those that learn what is usual and those that learn from labels, and their versions."""


def _read(shell: Shell, broker: str | None) -> "tuple[Settings, Registry]":
    from argus import models_topic

    settings = shell.settings(broker=broker)
    # A broker that does not answer is told in one line of ours.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings, asyncio.run(models_topic.read(settings))


@command.command("list")
@BROKER
@JSON
@click.pass_obj
def list_(shell: Shell, broker: str | None, as_json: bool) -> None:
    """List every model: mode, versions in force by partition, what it learnt from, when, how good it is, drift."""
    from argus.models_view import facts, rows
    from argus.tables_view import print_table

    told = facts(*_read(shell, broker))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
        return
    columns = ("model", "mode", "partition: version", "pinned", "learnt", "newest", "quality", "last drift")
    print_table(columns, rows(told))


@command.command("show")
@click.argument("name")
@BROKER
@JSON
@click.pass_obj
def show(shell: Shell, name: str, broker: str | None, as_json: bool) -> None:
    """Tell all of one model: parameters, features, quality, drift, and each version that is kept."""
    _known(name)
    from argus.models_view import fact, paragraphs

    settings, registry = _read(shell, broker)
    told = fact(name, settings, registry)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2))
        return
    for paragraph in paragraphs(told):
        click.echo(paragraph)


@command.command("rollback")
@click.argument("name")
@click.argument("version", type=click.IntRange(1))
@BY
@WHY
@BROKER
@click.pass_obj
def rollback(shell: Shell, name: str, version: int, by: str, reason: str, broker: str | None) -> int:
    """Score by an older version in every partition that keeps it, and fit none anew until `release`."""
    _known(name)
    from argus import models_topic
    from core.model_records import ModelPin

    settings, registry = _read(shell, broker)
    keepers = [one.partition for one in registry.versions.get(name, []) if one.version == version]
    if not keepers:
        kept = sorted({one.version for one in registry.versions.get(name, [])})
        there = f"there are {', '.join(map(str, kept))}" if kept else "it has none"
        raise click.ClickException(f"no partition keeps version {version} of {name}: {there}")
    now = _now()
    pin = ModelPin(model=name, version=version, by=by[:128], time=now)
    told = models_topic.pin_change(name, registry.pins.get(name), pin, by[:128], reason, now)
    asyncio.run(models_topic.write_pin(settings, name, pin, told))
    click.echo(f"{name} goes back to version {version} in partition {', '.join(map(str, keepers))}, and stays there")
    return 0


@command.command("release")
@click.argument("name")
@BY
@WHY
@BROKER
@click.pass_obj
def release(shell: Shell, name: str, by: str, reason: str, broker: str | None) -> int:
    """Let a pinned model be fitted anew."""
    _known(name)
    from argus import models_topic

    settings, registry = _read(shell, broker)
    if name not in registry.pins:
        raise click.ClickException(f"{name} is not pinned")
    told = models_topic.pin_change(name, registry.pins[name], None, by[:128], reason, _now())
    asyncio.run(models_topic.write_pin(settings, name, None, told))
    click.echo(f"{name} is fitted anew in its time")
    return 0


def _now() -> str:
    import time

    from core.clock import rfc3339

    return rfc3339(time.time_ns() // 1_000_000)


def _known(name: str) -> None:
    import difflib

    from argus.models_view import known
    from argus.settings import Settings

    names = known(Settings())
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise click.UsageError(
            f"no model {name!r}; " + (f"did you mean {near[0]}?" if near else "`argus models list` names all")
        )
