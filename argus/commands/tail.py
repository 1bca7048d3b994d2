"""`argus tail`."""

import click

from argus.commands import Shell

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
KINDS = ("TRANSACTION", "SECURITY", "COMPLIANCE", "INVENTORY", "SYSTEM")


@click.command("tail")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option(
    "--severity", type=click.Choice(SEVERITIES, case_sensitive=False), help="Of this severity or a higher one."
)
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS, case_sensitive=False), multiple=True, help="May be repeated."
)
@click.option("--rule", "rules", multiple=True, help="A rule's id; may be repeated.")
@click.option("--user", help="About this user.")
@click.option("--from-start", is_flag=True, help="What the topic holds first, not only what comes.")
@click.option("--updates", is_flag=True, help="Every update of an alert, not only those that raise its severity.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="One alert record a line.")
@click.option("--color/--no-color", default=None, help="By default where the output is a terminal.")
@click.pass_obj
def command(
    shell: Shell,
    broker: str | None,
    severity: str | None,
    kinds: tuple[str, ...],
    rules: tuple[str, ...],
    user: str | None,
    from_start: bool,
    updates: bool,
    count: int | None,
    as_json: bool,
    color: bool | None,
) -> int:
    """Show alerts as they come, until Ctrl-C."""
    from argus import watching

    settings = shell.settings(broker=broker)
    wanted = watching.Wanted(severity=severity, kinds=kinds, rules=rules, user=user, updates=updates)
    return watching.run(
        settings, wanted, from_start=from_start, count=count, as_json=as_json, color=color, echo=click.echo
    )
