"""The audit table of a worker: which topics it is about, and what each of its partitions is given."""

import os
from typing import Any, Final

import msgspec

from agents.attach import Shards, Table
from agents.audit import Audit, AuditWork
from agents.lanes import Gather
from agents.services import Services
from argus.checkpoints import FILE, CheckpointFile
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.secret import derived_key, secret_of
from argus.settings import Settings
from argus.standing import Standing
from core.audited import READERS

# Nobody waits for the audit, and a record of 200 approvals costs what a record of one does.
GATHER: Final = Gather(batches=64, every_s=1.0)
KEY_PURPOSE: Final = b"audit"


def audit_table(
    settings: Settings, services: Services, shards: Shards, metrics: Metrics, standing: Standing, missed: Any
) -> Table:
    """missed: reads records that were skipped in delivery."""
    topics = {settings.topic(name): read for name, read in READERS.items()}
    audit = Audit(
        topic=settings.topic("audit"),
        decisions=settings.topic("decisions"),
        readers=topics,
        key=audit_key(settings),
        by=f"uid:{os.getuid()}",
        standing=standing,
        keep=CheckpointFile(settings.data_dir / FILE).keep,
    )
    meter = WorkerMeter(metrics, dict.fromkeys(topics, "audit"), settings.topic_prefix)
    own = msgspec.structs.replace(services, meter=meter)
    changelog = settings.topic("audit-changelog")

    def open_work(partition: int) -> AuditWork:
        return AuditWork(own, shards.open("audit", changelog, partition), audit, missed)

    return Table("audit", tuple(topics), open_work, GATHER, meter)


def audit_key(settings: Settings) -> bytes:
    """What audit records are signed with."""
    return derived_key(secret_of(settings), KEY_PURPOSE)
