"""`argus rules list`, `test` and `explain`."""

import inspect

import click
import msgspec

from argus.commands import Shell


@click.group("rules")
def command() -> None:
    """The rule book."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
@click.pass_obj
def list_(shell: Shell, as_json: bool) -> None:
    """List every rule: severity, what it is about, mode, where its defaults come from."""
    from argus.rules_view import fact
    from argus.tables_view import print_table
    from core.rules.book import RuleBook

    settings = shell.settings()
    rules = RuleBook(settings.thresholds, settings.modes).rules
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([fact(rule) for rule in rules]), indent=2))
        return
    print_table(
        ("rule", "severity", "kind", "about", "mode", "ids", "title"),
        [
            (
                bound.id,
                bound.rule.severity.name,
                bound.rule.kind,
                ", ".join(bound.rule.sources) or "user",
                bound.mode,
                ", ".join(bound.rule.attack),
                bound.rule.title,
            )
            for bound in rules
        ],
    )


@command.command("test")
@click.argument("rule_ids", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
@click.pass_obj
def test(shell: Shell, rule_ids: tuple[str, ...], as_json: bool) -> int:
    """Run each rule's own examples, at its default thresholds; status 1 where one fails."""
    shell.settings()  # a wrong one is wrong here too
    from argus.rule_trial import run_examples
    from core.rules.book import RuleBook

    book = RuleBook()
    for rule_id in rule_ids:
        _known(rule_id, book.by_id)
    trials = list(run_examples(book, rule_ids))
    failed = [trial for trial in trials if trial.failure]
    if as_json:
        for trial in trials:
            click.echo(msgspec.json.encode(trial))
    else:
        for trial in failed:
            click.echo(f"FAILED {trial.rule_id}: {trial.example}: {trial.failure}")
        rules = len({trial.rule_id for trial in trials})
        click.echo(f"{rules} rules, {len(trials)} examples, {len(failed)} failed")
    return 1 if failed else 0


@command.command("explain")
@click.argument("rule_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@click.pass_obj
def explain(shell: Shell, rule_id: str, as_json: bool) -> None:
    """Tell one rule in words, with the source of its defaults and of its check."""
    from argus.rules_view import fact, paragraphs
    from core.rules.book import RuleBook

    settings = shell.settings()
    book = RuleBook(settings.thresholds, settings.modes)
    _known(rule_id, book.by_id)
    bound = book.by_id[rule_id]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(fact(bound)), indent=2))
        return
    for paragraph in paragraphs(bound):
        click.echo(paragraph)
    click.echo("\n" + inspect.getsource(bound.rule.check).rstrip())


def _known(rule_id: str, known: object) -> None:
    import difflib

    names = list(known) if isinstance(known, dict) else []
    if rule_id not in names:
        near = difflib.get_close_matches(rule_id, names, n=1)
        raise click.UsageError(
            f"no rule {rule_id!r}; " + (f"did you mean {near[0]}?" if near else "`argus rules list` names all")
        )
