"""A Faust app with Argus's transport: what the workers and the processes beside them run on."""

import faust
from faust.assignor.partition_assignor import PartitionAssignor
from faust.types import TP

from agents.assignor import Assignor
from agents.attach import Batching
from agents.transport import Transport
from argus.kafka_access import access_of
from argus.settings import Settings


def faust_app(settings: Settings, role: str = "") -> faust.App:
    """role: of a process that reads on its own beside the workers, `notify` for example; it has a group and a data
    directory of that name."""
    name = f"{settings.app_id}-{role}" if role else settings.app_id
    replicas = 0 if role else settings.standby_replicas
    app = faust.App(
        name,
        broker=[f"kafka://{server}" for server in settings.broker.split(",")],
        broker_credentials=access_of(settings).credentials(),
        datadir=str(settings.data_dir / (f"faust-{role}" if role else "faust")),
        store="memory://",
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        # The agents' own tables keep no changelog with Faust, so it has none to copy. Its assignor says who stands by
        # for which partitions, and where they move to.
        table_standby_replicas=replicas,
        PartitionAssignor=Assignor if replicas else PartitionAssignor,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_interval_s,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=max(90.0, settings.session_timeout_s * 2),
        stream_processing_timeout=900.0,
        stream_wait_empty=False,
    )
    app.batching = Batching(
        max_records=settings.batch_max_records,
        max_bytes=settings.batch_max_bytes // 2,
        fetch_bytes=settings.fetch_max_bytes,
        fetch_wait_ms=settings.fetch_max_wait_ms,
    )
    # What a commit of source offsets took, and whether it was done.
    app.on_commit = lambda _seconds, _done: None
    app.transport = Transport(app.conf.broker_consumer, app)

    def progress(tp: TP) -> tuple[int | None, int | None]:
        # The consumer is made when it is first asked for.
        found: tuple[int | None, int | None] = app.consumer.progress(tp)
        return found

    app.consumer_progress = progress
    return app
