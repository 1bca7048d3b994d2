"""`argus up`."""

from pathlib import Path

import click

from argus.commands import Shell

PORT = click.IntRange(0, 65_535)


@click.command("up")
@click.option("--broker", help="An existing Kafka, host:port; without it the embedded broker is started.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Stream workers.")
@click.option("--simulate/--no-simulate", default=True, help="Simulated traffic with attacks (on by default).")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Simulated events a second.")
@click.option("--seed", type=int, help="Seed of the simulation.")
@click.option("--duration", "duration_s", type=click.FloatRange(0, min_open=True), help="Stop after so many seconds.")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Where all on disk is kept.")
@click.option("--broker-port", type=PORT, help="Port of the embedded broker; 0 or none picks a free one.")
@click.option("--api-port", type=PORT, help="Port of the API and console.")
@click.option("--metrics-port", type=PORT, help="Port of the first worker's /metrics; the next ones follow it.")
@click.option(
    "--monitoring/--no-monitoring",
    "monitored",
    default=True,
    help="Prometheus and Alertmanager, where they are on PATH (on by default).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: the addresses, then each alert.")
@click.pass_obj
def command(
    shell: Shell,
    broker: str | None,
    workers: int,
    simulate: bool,
    rate: float | None,
    seed: int | None,
    duration_s: float | None,
    data_dir: Path | None,
    broker_port: int | None,
    api_port: int | None,
    metrics_port: int | None,
    monitored: bool,
    as_json: bool,
) -> int:
    """Run everything on one machine until Ctrl-C, and print one line per alert."""
    from argus import up
    from argus.settings import EMBEDDED

    # More partitions than workers only make more steps of fewer events.
    embedded = {} if broker else {**EMBEDDED, "partitions": workers}
    settings = (shell.joining if broker else shell.settings)(
        profile={**embedded, "console_simulator": True},
        broker=broker,
        # The embedded one knows no other.
        kafka_security_protocol=None if broker else "PLAINTEXT",
        data_dir=data_dir,
        metrics_port=metrics_port,
        simulate_rate=rate,
        seed=seed,
    )
    return up.run(
        settings,
        broker=broker,
        workers=workers,
        simulate=simulate,
        duration_s=duration_s,
        broker_port=broker_port,
        api_port=api_port,
        monitored=monitored,
        as_json=as_json,
    )
