"""What `argus plan` counts with: measured, each figure with its machine and the command that measures it again.

docs/performance.md shows this table, and a test holds the two together. What nobody measured is in `ASSUMED`.
"""

from typing import Final

from msgspec import Struct

EPYC_IDLE: Final = "AMD EPYC, 2 cores, idle"
EPYC_SHARED: Final = "AMD EPYC, 2 cores, load 1.4 to 3.7"
XEON_BUSY: Final = "Intel Xeon, 2 cores, load 20"
XEON_QUIET: Final = "Intel Xeon, 2 cores, load 3"
XEON_LOADED: Final = "Intel Xeon, 2 cores, load 8 to 18"
XEON_SHARED: Final = "Intel Xeon, 2 cores, load 4 to 7"
UNKNOWN: Final = "2 cores, other work beside it"
STREAM: Final = "argus bench stream --events 200000"
STREAM_SHORT: Final = "argus bench stream --events 30000"
MEMORY: Final = "argus bench memory --events 2000"
MEMORY_MORE: Final = "argus bench memory --events 20000"
CAPACITY: Final = "argus bench capacity --events 100000"
CAPACITY_LESS: Final = "argus bench capacity"
RECOVERY: Final = "argus bench recovery --events 1000000"
SINK: Final = "by hand: [store](store.md#how-fast)"
ANY: Final = "any"
COUNTED: Final = "counted by `tests/argus/test_plan.py`"


class Constant(Struct, frozen=True):
    """One row. where: the machine; command: what measures it again."""

    name: str
    value: float
    unit: str
    where: str
    command: str


class OnTopic(Struct, frozen=True):
    """What an event leaves on a topic: keys and values before compression. by_alerts: alerts cause them, so they are
    as many as the share of alerts says."""

    topic: str
    bytes: float
    by_alerts: bool = False


WORKER_RATE: Final = Constant("events through one worker", 10_540, "/s", EPYC_IDLE, STREAM)
WORKER_CPU: Final = Constant("processor time of a worker", 96, "us/event", EPYC_IDLE, STREAM)
BROKER_CPU: Final = Constant("processor time of the embedded broker", 8, "us/event", EPYC_SHARED, STREAM_SHORT)
WORKER_MEMORY: Final = Constant("memory of a worker with 2,000 users", 233, "MiB", XEON_BUSY, MEMORY)
USER_MEMORY: Final = Constant("memory for each more of them, of 5 events", 10, "KiB/user", XEON_BUSY, MEMORY_MORE)
RECORD: Final = Constant("record of a user after 100 events, p99", 2.7, "KiB", EPYC_SHARED, MEMORY)
RECORDS_PER_USER: Final = Constant("records of the users' changelog, compacted", 1.03, "/user", XEON_BUSY, CAPACITY)
RECOVERY_RATE: Final = Constant("records of a changelog read at recovery", 70_200, "/s", XEON_SHARED, RECOVERY)
ALERT_SHARE: Final = Constant("alerts and updates, simulated life", 0.0209, "/event", XEON_BUSY, CAPACITY)
SINK_RATE: Final = Constant("records through one sink, approvals kept at 5 %", 30_000, "/s", UNKNOWN, SINK)
DATABASE_RATE: Final = Constant("rows into one PostgreSQL, every approval kept", 24_000, "/s", UNKNOWN, SINK)
USERS_CHANGELOG: Final = Constant(
    "users' changelog, before compaction", 587, "bytes/event", XEON_QUIET, CAPACITY_LESS
)
CHANGELOGS: Final = Constant("all changelogs, before compaction", 754, "bytes/event", XEON_QUIET, CAPACITY_LESS)
CHANGELOG_RECORDS: Final = Constant(
    "records of all changelogs, of a backlog", 0.73, "/event", XEON_QUIET, CAPACITY_LESS
)
STANDBY_CPU: Final = Constant("processor time of a standby, first copy", 30, "us/record", XEON_LOADED, RECOVERY)
TAKEOVER: Final = Constant("by a standby, from the handover", 1.2, "s", XEON_LOADED, RECOVERY)
LABEL_ROW: Final = Constant("an event kept for its label, alone in its step", 526, "bytes", ANY, COUNTED)
LABEL_ROW_MEMORY: Final = Constant("memory of an event kept for its label", 87, "bytes", ANY, COUNTED)

CONSTANTS: Final = (
    WORKER_RATE,
    WORKER_CPU,
    BROKER_CPU,
    WORKER_MEMORY,
    USER_MEMORY,
    RECORD,
    RECORDS_PER_USER,
    RECOVERY_RATE,
    ALERT_SHARE,
    SINK_RATE,
    DATABASE_RATE,
    USERS_CHANGELOG,
    CHANGELOGS,
    CHANGELOG_RECORDS,
    STANDBY_CPU,
    TAKEOVER,
    LABEL_ROW,
    LABEL_ROW_MEMORY,
)

# All by `CAPACITY`, on `XEON_BUSY`.
ON_TOPICS: Final = (
    OnTopic("events", 264),
    OnTopic("decisions", 257),
    OnTopic("signals", 49.6),
    OnTopic("alerts", 26.6, by_alerts=True),
    OnTopic("audit", 25.6, by_alerts=True),
)


class Assumed(Struct, frozen=True):
    """What the plan adds to what was measured, and nobody has measured.

    headroom: a worker or sink is given this part of what it works off, so that it catches up after a stop. growth:
    partitions for each worker, to begin with. replication: copies in Kafka where the setting has one. compaction: how
    much larger a changelog, or RocksDB's files, may be than their newest records. stale: changelog records to read at
    recovery, for each user's newest. memory: what a worker is given for each byte that it was seen to use. labels:
    that people and banks give for each alert, of label_bytes each. models_kib: newest records of the models topic,
    for each partition.
    """

    headroom: float = 0.5
    growth: float = 2.0
    replication: int = 3
    compaction: float = 3.0
    stale: float = 2.0
    memory: float = 1.5
    labels: float = 1.0
    label_bytes: float = 256.0
    models_kib: float = 32.0


ASSUMED: Final = Assumed()
