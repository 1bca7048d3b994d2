"""`argus simulate`."""

from pathlib import Path

import click

from argus.commands import FILE_OUT, Shell, files_apart

STDOUT = Path("-")


@click.command("simulate")
@click.option("--users", type=click.IntRange(1, 5_000_000), help="Simulated users.")
@click.option(
    "--days", type=click.FloatRange(0, min_open=True), help="How many days of life; to the broker they take as long."
)
@click.option("--events", type=click.IntRange(1), help="How many events, instead of days.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Events a second, to the broker.")
@click.option("--seed", type=int, help="The same seed gives the same file.")
@click.option("--attacks", help="Attacks by name, a,b,c; all by default, `none` for a quiet world.")
@click.option("--intensity", default="mixed", show_default=True, help="blatant, typical, low, stealth or mixed.")
@click.option("--out", type=FILE_OUT, help="Events go to this file (- for standard output), not to the broker.")
@click.option("--labels", type=FILE_OUT, help="The truth about each event, one JSON object a line.")
@click.option("--feedback", type=FILE_OUT, help="What people say about events afterwards, with its own time.")
@click.option("--broker", help="Kafka bootstrap servers, host:port[,host:port].")
@click.option("--list", "list_attacks", is_flag=True, help="Name the attacks and leave.")
@click.pass_obj
def command(
    shell: Shell,
    users: int | None,
    days: float | None,
    events: int | None,
    rate: float | None,
    seed: int | None,
    attacks: str | None,
    intensity: str,
    out: Path | None,
    labels: Path | None,
    feedback: Path | None,
    broker: str | None,
    list_attacks: bool,
) -> int:
    """Write seeded normal traffic with labelled attacks to a file, or send it to the broker at a rate."""
    from argus import simulate
    from simulation.attacks import ATTACKS
    from simulation.config import Config

    settings = shell.settings(broker=broker, simulate_rate=rate, seed=seed, simulate_users=users)
    if list_attacks:
        click.echo("\n".join(ATTACKS))
        return 0
    if days is not None and events is not None:
        raise click.UsageError("give --days or --events, not both")
    if out is not None and days is None and events is None:
        raise click.UsageError("a file needs an end: give --days or --events")
    if out is None and feedback is not None:
        raise click.UsageError("--feedback is for a file; on the broker it goes to its own topic")
    files_apart({"--out": None if out == STDOUT else out, "--labels": labels, "--feedback": feedback})
    named = None if attacks is None else tuple(name.strip() for name in attacks.split(",") if name.strip() != "none")
    # A file's world has the simulation's own size unless one is given.
    size = {"users": users or settings.simulate_users} if users or out is None else {}
    try:
        config = Config(
            **size,
            days=days,
            events=events,
            seed=settings.seed,
            attacks=named,
            intensity=intensity,
            run="" if out else simulate.new_run(),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if out is None:
        return simulate.to_broker(settings, config, labels)
    if rate is not None:
        click.echo("--rate is for the broker: the file is written at full speed", err=True)
    return simulate.to_file(config, None if out == STDOUT else out, labels, feedback)
