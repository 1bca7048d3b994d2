"""The cases table of a worker: its topics, and what each of its partitions is given."""

from typing import Final

import msgspec

from agents.attach import Shards, Table
from agents.cases import CaseWork, Topics
from agents.lanes import Gather
from agents.placing import Placing
from agents.services import Services
from agents.steps import Missed
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.settings import Settings

CACHED_SUBJECTS: Final = 1_000
GATHER: Final = Gather(batches=16, every_s=0.25)


def case_table(settings: Settings, services: Services, shards: Shards, metrics: Metrics, missed: Missed) -> Table:
    """missed: reads records that were skipped in delivery."""
    topics = Topics(**{name: settings.topic(name) for name in Topics.__struct_fields__})
    read = (topics.alerts, topics.commands)
    meter = WorkerMeter(metrics, dict.fromkeys(read, "cases"), settings.topic_prefix)
    own = msgspec.structs.replace(services, meter=meter)
    place, changelog = Placing(settings.partitions), settings.topic("cases-changelog")

    def open_work(partition: int) -> CaseWork:
        return CaseWork(own, shards.open("cases", changelog, partition), topics, place, CACHED_SUBJECTS, missed)

    return Table("cases", read, open_work, GATHER, meter)
