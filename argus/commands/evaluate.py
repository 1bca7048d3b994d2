"""`argus evaluate`."""

from pathlib import Path
from typing import Any

import click
import msgspec

from argus.commands import FILE_IN, Shell

RUNS = ("argus", "oracle", "random")


@click.command("evaluate")
@click.option("--decisions", type=FILE_IN, required=True, help="Decisions of the run, one JSON object a line.")
@click.option("--alerts", type=FILE_IN, required=True, help="Alerts of the run.")
@click.option("--labels", type=FILE_IN, required=True, help="The truth about each event.")
@click.option("--locks", type=FILE_IN, help="Locks of the run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@click.pass_obj
def command(shell: Shell, decisions: Path, alerts: Path, labels: Path, locks: Path | None, as_json: bool) -> None:
    """Measure detection by the truth, beside an oracle and a random floor."""
    shell.settings()  # a wrong one is wrong here too
    from argus.evaluate import evaluate
    from argus.evaluate_files import BadInput

    try:
        result = evaluate(decisions, alerts, labels, locks)
    except BadInput as error:
        raise click.UsageError(str(error)) from None
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

    _show_caught(result["caught"], result["ranking"])
    _show_bothered(result["bothered"])


def _show_caught(caught: dict[str, Any], ranking: dict[str, float]) -> None:
    from argus.tables_view import print_table

    names = list(caught["intensities"])
    click.echo()
    print_table(
        ("caught (MEDIUM or more)", *names),
        [
            ("all", *(_share(caught["intensities"][name]) for name in names)),
            *((attack, *(_share(row.get(name)) for name in names)) for attack, row in caught["attacks"].items()),
            ("time to alert, s", *(_figure(caught["intensities"][name]["time_to_alert_s"]) for name in names)),
        ],
    )
    click.echo()
    rows = [(attack, _figure(precision)) for attack, precision in ranking.items()]
    print_table(("attack", "average precision of the risk"), rows)


def _show_bothered(bothered: dict[str, Any]) -> None:
    from argus.tables_view import print_table

    severities = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    figures = {name: value for name, value in bothered.items() if not isinstance(value, dict)}
    click.echo()
    print_table(("on honest users", "value"), [(name, _figure(value)) for name, value in figures.items()])
    for title, name in (("false alerts by rule", "false_by_rule"), ("by innocent story", "false_by_trap")):
        click.echo()
        rows = [
            (key, *(str(counts.get(severity, 0)) for severity in severities))
            for key, counts in bothered[name].items()
        ]
        print_table((title, *severities), rows)


def _share(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{row['caught']}/{row['campaigns']}"


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
