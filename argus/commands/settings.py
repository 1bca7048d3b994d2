"""`argus settings`."""

import sys

import click
import msgspec

from argus.commands import Shell


@click.command("settings")
@click.argument("pattern", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON list instead of a table.")
@click.option("--markdown", is_flag=True, help="The page docs/settings.md: defaults only.")
@click.pass_obj
def command(shell: Shell, pattern: str, as_json: bool, markdown: bool) -> None:
    """List every setting (or those with PATTERN in the name): variable, value in force, default, meaning."""
    from argus import settings_view
    from argus.settings import in_force

    shell.settings()  # a wrong one is wrong here too
    if markdown:
        sys.stdout.write(settings_view.markdown())
        return
    rows = [row for row in in_force(shell.environ, shell.config) if pattern in row.setting.name]
    if not rows:
        raise click.UsageError(f"no setting has {pattern!r} in its name; `argus settings` lists all")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(settings_view.facts(rows)), indent=2))
    else:
        settings_view.show(rows)
