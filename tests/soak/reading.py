"""What comes out on the topics: how late decisions are, how much state there is, and which cases are to be closed."""

import time
from collections import defaultdict
from statistics import median

import msgspec
from aiokafka import AIOKafkaProducer, ConsumerRecord
from msgspec import UNSET, Struct

from benchmarks.figures import quantile
from benchmarks.house import House
from core.records import Case, encode
from tables.user_table import HELD_PREFIX
from tests.soak.sampling import Series
from tests.soak.traffic import due_number

TABLES = ("users", "sources", "cases")
READ = ("decisions", "cases", "locks", *(f"{table}-changelog" for table in TABLES))
KIB = 1_024


class Decided(Struct):
    """What is needed of a decision."""

    event_id: str


_decided = msgspec.json.Decoder(Decided).decode
_case = msgspec.json.Decoder(Case).decode


class Outside:
    """Takes in records as they are read; nothing here asks a worker."""

    def __init__(self, home: House) -> None:
        self._home = home
        # Of each changelog, as compaction would leave it: key to bytes.
        self._live: dict[str, dict[bytes, int]] = {home.settings.topic(f"{table}-changelog"): {} for table in TABLES}
        self._bytes: dict[str, int] = defaultdict(int)
        topic = home.settings.topic
        self._decisions, self._cases, self._locks = topic("decisions"), topic("cases"), topic("locks")
        # Users of whom the newest word on their lock stays for good. That is not counted.
        self._held_up: set[bytes] = set()
        # None while nothing is due at a moment.
        self._pace: tuple[float, float] | None = None
        self._late_ms: list[float] = []
        self._stamps: list[int] = []
        self._open: list[Case] = []
        self._closed: set[str] = set()
        self.decided = 0

    def paced(self, start_s: float, rate: float) -> None:
        """From now on an event is due each 1 / rate s, the first at start_s of the monotonic clock."""
        self._pace = start_s, rate
        self.decided = 0

    def capacity(self) -> float:
        """Decisions a second by the moments that they were sent at, the slow beginning left out."""
        stamps = sorted(self._stamps)
        early, last = stamps[len(stamps) // 4], stamps[-1]
        return sum(stamp > early for stamp in stamps) / max(1e-3, (last - early) / 1_000)

    def take(self, records: list[ConsumerRecord]) -> None:
        now_s = time.monotonic()
        for record in records:
            if record.topic == self._decisions:
                self._decision(record, now_s)
            elif record.topic == self._cases:
                self._case(record)
            elif record.topic == self._locks:
                self._held_up.add(HELD_PREFIX + record.key)
            elif record.key not in self._held_up:
                live, key, size = self._live[record.topic], record.key, len(record.value or b"")
                self._bytes[record.topic] += (len(key) + size if record.value is not None else 0) - live.pop(key, 0)
                if record.value is not None:
                    live[key] = len(key) + size

    def _decision(self, record: ConsumerRecord, now_s: float) -> None:
        self.decided += 1
        if self._pace is None:
            self._stamps.append(record.timestamp)
            return
        start_s, rate = self._pace
        due_s = start_s + due_number(_decided(record.value).event_id) / rate
        self._late_ms.append((now_s - due_s) * 1_000)

    def _case(self, record: ConsumerRecord) -> None:
        case = _case(record.value)
        if case.status != "resolved" and case.case_id not in self._closed:
            self._closed.add(case.case_id)
            self._open.append(case)

    async def work(self, producer: AIOKafkaProducer) -> None:
        """An analyst closes every case at once, as they would in the long run."""
        waiting, self._open = self._open, []
        for case in waiting:
            subject = case.user_id if case.source is UNSET else f"{case.source.type}:{case.source.id}"
            command = {
                "command_id": f"close-{case.case_id}",
                "type": "resolve",
                "user_id": subject,
                "by": "soak",
                "role": "analyst",
                "time": time.time_ns() // 1_000_000,
                "case_id": case.case_id,
                "resolution": "inconclusive",
            }
            topic = self._home.settings.topic("commands")
            await producer.send(topic, encode(command), key=(subject or "").encode())

    def sample(self, series: Series, at_s: float) -> None:
        """How late the decisions were since the last time, and what the changelogs come to."""
        late_ms, self._late_ms = sorted(self._late_ms), []
        if late_ms:
            series.add(at_s, "latency p50", median(late_ms))
            series.add(at_s, "latency p99", quantile(late_ms, 0.99))
        series.add(at_s, "decided", self.decided)
        for topic, live in self._live.items():
            table = topic.removeprefix(self._home.settings.topic_prefix).removesuffix("-changelog")
            series.add(at_s, f"{table} keys", len(live))
            series.add(at_s, f"{table} state", self._bytes[topic] / KIB)
