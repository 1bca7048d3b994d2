"""`argus token`."""

from pathlib import Path

import click

from argus.commands import Shell

ROLES = ("service", "member", "analyst", "admin")


@click.group("token")
def command() -> None:
    """Bearer tokens of the API."""


@command.command("create")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What its holder may do.")
@click.option("--user", help="Whose it is: a member's user id, or the name that the audit trail has.")
@click.option("--scope", "scopes", help="Narrow it within its role: names with commas between, cases:read for one.")
@click.option("--days", type=click.FloatRange(0, 3_650, min_open=True), default=30.0, show_default=True)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the secret is, unless ARGUS_SECRET says.",
)
@click.pass_obj
def create(shell: Shell, role: str, user: str | None, scopes: str | None, days: float, data_dir: Path | None) -> int:
    """Print a token. Anybody who has it may do what its role may, until it ends."""
    from argus.api.scopes import BadScope
    from argus.api.tokens import Tokens
    from argus.secret import secret_of
    from core.records import ID_MAX_CHARS

    if role == "member" and user is None:
        raise click.UsageError("a member's token needs --user, whose account it is for")
    if user is not None and not 1 <= len(user) <= ID_MAX_CHARS:
        raise click.UsageError(f"--user has 1 to {ID_MAX_CHARS} characters")
    settings = shell.settings(data_dir=data_dir)
    named = [name.strip() for name in scopes.split(",") if name.strip()] if scopes is not None else []
    if scopes is not None and not named:
        raise click.UsageError("--scope names nothing")
    try:
        token = Tokens(secret_of(settings)).create(role, user or role, days * 86_400, named)  # type: ignore[arg-type]
    except BadScope as error:
        raise click.UsageError(str(error)) from None
    click.echo(token)
    return 0
