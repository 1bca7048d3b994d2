"""`argus evaluate`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from argus.commands import FILE_IN

RUNS = ("argus", "oracle", "random")


@click.command("evaluate")
@click.option("--decisions", type=FILE_IN, required=True, help="Decisions of the run, one JSON object a line.")
@click.option("--alerts", type=FILE_IN, required=True, help="Alerts of the run.")
@click.option("--labels", type=FILE_IN, required=True, help="The truth about each event.")
@click.option("--locks", type=FILE_IN, help="Locks of the run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
def command(decisions: Path, alerts: Path, labels: Path, locks: Path | None, as_json: bool) -> None:
    """Measure detection by the truth, beside an oracle and a random floor."""
    from argus.evaluate import evaluate

    result = evaluate(decisions, alerts, labels, locks)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
    else:
        _show(result)


def _show(result: dict[str, Any]) -> None:
    from argus.tables_view import print_table

    click.echo(
        f"{result['events']:,} events, {result['fraud_events']:,} of them fraud, {result['campaigns']:,} campaigns\n"
    )
    names = [name for name in result["argus"] if name != "attacks"]
    print_table(("measure", *RUNS), [(name, *(_figure(result[run][name]) for run in RUNS)) for name in names])
    click.echo()
    found = result["argus"]["attacks"]
    lots = result["random"]["attacks"]
    print_table(
        ("attack", "campaigns", "found", "by lot", "events held up", "time to detect, s"),
        [
            (
                attack,
                str(row["campaigns"]),
                str(row["found"]),
                str(lots[attack]["found"]),
                _figure(row["event_recall"]),
                _figure(row["time_to_detect_s"]),
            )
            for attack, row in found.items()
        ],
    )
    if "locks" in result:
        click.echo()
        print_table(("locks", "value"), [(name, _figure(value)) for name, value in result["locks"].items()])


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
