"""The console script: finds the command, and turns whatever goes wrong into one line and an exit status.

Status 2: wrong use or a wrong setting; 1: it could not be done; 130: Ctrl-C. A traceback is shown with
`--debug` only. Each command is a module of `argus.commands`, imported when it is asked for, so that `argus --help` is
quick.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

import argus
from argus.commands import Shell

COMMANDS: Final = {
    "up": "Everything on one machine: broker, workers and simulated traffic.",
    "worker": "One stream worker on an existing Kafka.",
    "sink": "Follow the topics into the SQL database that the API reads.",
    "notify": "Page on-call, write to channels and deliver one-time passwords.",
    "serve": "The API and the console.",
    "health": "Ask a process on this machine whether it is able to work.",
    "topics": "Declare every topic with its partitions, replication and retention.",
    "simulate": "Seeded normal traffic with labelled attacks, to the broker or to a file.",
    "replay": "The same detection and response over a file, at full speed, with no broker.",
    "evaluate": "Detection quality of a run, beside an oracle and a random floor.",
    "rules": "The rule book: list it, run its own examples, explain one rule.",
    "models": "The models that learn what is usual: list them, show one, roll back to an older version.",
    "ingest": "Follow a log file or standard input into the events topic.",
    "tail": "Alerts in the terminal as they come, filtered.",
    "token": "Make bearer tokens for the API.",
    "user": "Make logins of the console.",
    "audit": "Check the audit chains, or export them.",
    "schema": "JSON Schema of every record, or the AsyncAPI document.",
    "settings": "Every setting with the value in force.",
    "plan": "Workers, partitions, disk and memory for so many users and events, from what was measured.",
    "bench": "The benchmarks, side by side with the peers that are installed.",
}


class Commands(click.Group):
    """The commands by name, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"argus.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            raise click.UsageError(f"no such command {args[0]!r}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", type=click.Path(path_type=Path), help="Settings file, YAML or TOML (ARGUS_CONFIG).")
@click.option("--debug", is_flag=True, help="Show the traceback of what goes wrong.")
@click.version_option(argus.__version__, prog_name="argus", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, config: Path | None, debug: bool) -> None:
    """Argus: real-time fraud and account security. Events in; decisions, alerts and locks out.

    Every setting is also an environment variable ARGUS_<NAME>; `argus settings` lists them.
    """
    ctx.obj = Shell(config=config)


def main(args: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit status."""
    sys.exit(run(sys.argv[1:] if args is None else args))


def run(args: Sequence[str]) -> int:
    """The exit status of a command. Whatever it raises has become a line on stderr."""
    debug = "--debug" in args or os.environ.get("ARGUS_LOG_LEVEL", "").lower() == "debug"
    try:
        result = group.main(list(args), prog_name="argus", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        path = error.ctx.command_path if error.ctx else "argus"
        return _say(f"{path}: missing command (see `{path} --help`)", 2)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "argus"
        return _say(f"{path}: {_one_line(error.format_message())} (see `{path} --help`)", 2)
    except click.ClickException as error:
        return _say(f"argus: {_one_line(error.format_message())}", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except (BrokenPipeError, SystemExit) as error:
        # Whoever read our output has seen enough, upon which click leaves; what is left in the buffer goes nowhere.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:
        if debug:
            raise
        status, text = _meaning(error)
        return _say(f"argus: {text}", status)
    return result if isinstance(result, int) else 0


def _meaning(error: Exception) -> tuple[int, str]:
    """Exit status and line for what a command raised. By name, so that an error costs no imports."""
    name = type(error).__name__
    text = _one_line(str(error))
    if name == "SettingsError":
        return 2, text
    if isinstance(error, OSError) and error.strerror:
        return 1, f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if type(error).__module__.startswith(("argus.", "agents.", "core.", "simulation.", "tables.")):
        return 1, text
    return 1, f"unexpected {name}: {text} (`argus --debug` shows where)"


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _say(line: str, status: int) -> int:
    click.echo(line, err=True)
    return status
