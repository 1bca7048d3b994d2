"""`argus user`."""

import sys
from pathlib import Path

import click

from argus.commands import Shell


@click.group("user")
def command() -> None:
    """Logins of the console."""


@command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(("member", "analyst", "admin")), required=True)
@click.option("--user", help="A member's user id, whose account it is for.")
@click.option("--replace", is_flag=True, help="Give a name that is there already a new password and role.")
@click.option("--generate", is_flag=True, help="Make a password up and print it.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where argus.db is, unless DATABASE_URL says.",
)
@click.pass_obj
def create(
    shell: Shell, name: str, role: str, user: str | None, replace: bool, generate: bool, data_dir: Path | None
) -> int:
    """Make a login. The password is asked for, or is the first line of standard input."""
    if (role == "member") != (user is not None):
        raise click.UsageError("--user goes with --role member: a login is for one account, staff has none")
    settings = shell.settings(data_dir=data_dir)
    import asyncio
    import secrets

    from argus.api.accounts import WrongAccount
    from argus.api.accounts import create as make
    from argus.api.passwords import WeakPassword
    from argus.store.engine import database_url
    from argus.store.store import Store

    if generate:
        password = secrets.token_urlsafe(15)
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")

    async def run() -> None:
        store = Store(database_url(settings))
        try:
            await store.migrate()
            await make(store, name, role, user, password, replace=replace)
        finally:
            await store.close()

    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        asyncio.run(run())
    except (WeakPassword, WrongAccount) as error:
        raise click.UsageError(str(error)) from None
    if generate:
        click.echo(password)
    click.echo(f"{name} can log in as {role}", err=True)
    return 0
