"""`argus plan`."""

import math
from typing import Any

import click
import msgspec

from argus.commands import Shell


class Positive(click.FloatRange):
    """Above 0, up to `most`; not a number is none."""

    def __init__(self, most: float) -> None:
        super().__init__(0, most, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


@click.command("plan")
@click.option("--users", type=click.IntRange(1, 10**11), required=True, help="Users that are remembered.")
@click.option("--rate", type=Positive(1e9), required=True, help="Events a second, at peak.")
@click.option(
    "--retention-days",
    type=Positive(36_500),
    help="Days that events and decisions stay in Kafka, unless those declared.",
)
@click.option("--alert-share", type=Positive(1), help="Alerts an event, unless those of simulated life.")
@click.option(
    "--standbys", type=click.IntRange(0, 8), help="Copies of each partition, unless ARGUS_STANDBY_REPLICAS."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def command(
    shell: Shell,
    users: int,
    rate: float,
    retention_days: float | None,
    alert_share: float | None,
    standbys: int | None,
    as_json: bool,
) -> None:
    """Work out partitions, workers, disk, memory, recovery and topics from what was measured."""
    settings = shell.settings()
    from argus.plan import plan
    from argus.plan_view import show

    planned = plan(
        settings,
        users=users,
        rate=rate,
        retention_days=retention_days,
        alert_share=alert_share,
        standbys=standbys,
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(planned), indent=2))
    else:
        show(planned)
