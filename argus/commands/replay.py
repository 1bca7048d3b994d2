"""`argus replay`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from argus.commands import FILE_IN, FILE_OUT, Shell, files_apart

if TYPE_CHECKING:
    from argus.back_test_truth import Truth
    from argus.settings import Settings


@click.command("replay")
@click.option("--events", type=FILE_IN, required=True, help="Events, one JSON object a line, in order of arrival.")
@click.option("--alerts", type=FILE_OUT, required=True, help="Where alerts go.")
@click.option("--decisions", type=FILE_OUT, required=True, help="Where decisions go.")
@click.option("--locks", type=FILE_OUT, help="Where locks go.")
@click.option("--rejected", type=FILE_OUT, help="Where records go that could not be read.")
@click.option("--feedback", type=FILE_IN, help="Labels, merged in by their own time.")
@click.option(
    "--rules",
    type=FILE_IN,
    help="User-defined rules (YAML) to run instead of those in force, and to compare with them.",
)
@click.option(
    "--models",
    type=FILE_IN,
    help="Other models, weights and thresholds (YAML or TOML) to run instead of those in force, and to compare with "
    "them; together with --rules, if you like.",
)
@click.option("--labels", type=FILE_IN, help="The truth about the events: what --rules or --models cost and gain.")
@click.option("--json", "as_json", is_flag=True, help="The summary as one JSON object on standard output.")
@click.pass_obj
def command(
    shell: Shell,
    events: Path,
    alerts: Path,
    decisions: Path,
    locks: Path | None,
    rejected: Path | None,
    feedback: Path | None,
    rules: Path | None,
    models: Path | None,
    labels: Path | None,
    as_json: bool,
) -> int:
    """Run the very same detection and response over a file; two runs give the same bytes."""
    if labels is not None and rules is None and models is None:
        raise click.UsageError("--labels is for --rules and --models; `argus evaluate` measures a run by itself")
    settings = shell.settings()
    from argus import collector
    from argus.replay_files import run
    from core.events import Rejected
    from core.rules.nodes import BadRule

    files_apart(
        {"--alerts": alerts, "--decisions": decisions, "--locks": locks, "--rejected": rejected},
        {"--events": events, "--feedback": feedback, "--rules": rules, "--models": models, "--labels": labels},
    )
    collector.spare()
    try:
        return run(
            settings,
            events=events,
            alerts=alerts,
            decisions=decisions,
            locks=locks,
            rejected=rejected,
            feedback=feedback,
            rules=rules,
            other=_other(models, settings) if models is not None else None,
            truth=_truth(labels) if labels is not None else None,
            as_json=as_json,
        )
    except (BadRule, Rejected) as error:
        # Events that can't be read are counted; rules and labels that can't be used are a wrong command.
        raise click.UsageError(str(error)) from None


def _other(models: Path, settings: "Settings") -> "Settings":
    from argus.model_candidate import BadModels, candidate

    try:
        return candidate(models, settings)
    except BadModels as error:
        raise click.UsageError(str(error)) from None


def _truth(labels: Path) -> "Truth":
    from argus.back_test_truth import Truth
    from argus.evaluate_files import BadInput, read_labels

    try:
        return Truth(read_labels(labels))
    except BadInput as error:
        raise click.UsageError(str(error)) from None
