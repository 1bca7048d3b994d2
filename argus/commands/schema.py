"""`argus schema`."""

import click
import msgspec

from argus.commands import Shell


@click.command("schema")
@click.argument("record", required=False)
@click.option("--asyncapi", "as_asyncapi", is_flag=True, help="The AsyncAPI 3.0 document of every topic.")
@click.pass_obj
def command(shell: Shell, record: str | None, as_asyncapi: bool) -> None:
    """Print the JSON Schema of every record by name, or of RECORD alone."""
    settings = shell.settings()
    from argus import schema

    document = schema.asyncapi(settings.topic_prefix) if as_asyncapi else schema.json_schemas()
    if record is not None:
        if as_asyncapi or record not in document:
            names = ", ".join(found.name for found in schema.RECORDS)
            raise click.UsageError("--asyncapi is about all" if as_asyncapi else f"no record {record!r}: {names}")
        document = document[record]
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
