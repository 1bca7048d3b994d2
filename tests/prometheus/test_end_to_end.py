"""Real faults, a real Prometheus and Alertmanager on the shipped rules and routes, and a webhook for whoever is told.

The workers, `argus notify` and the broker are real. A recovery that stalls is played: a server of the figures that
such a worker serves. The tests go on from each other, in their order.
"""

import asyncio
import json
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from argus import broker, monitoring
from argus.measure import Metrics
from argus.meter import WorkerMeter
from argus.metrics_server import MetricsServer
from argus.ports import LOOPBACK, pick
from argus.settings import Settings
from argus.topics import ensure_topics
from tests.argus.notify.receivers import Receiver, receiver
from tests.faults import outside
from tests.faults.workers import Worker
from tests.kafka.until import until
from tests.prometheus import faster

pytestmark = [pytest.mark.broker, pytest.mark.slow]

PREFIX = "pages."
WITHIN_S = 240.0
# A start and a takeover take as long as ever here, and so ten times as much of these budgets as they would.
BURNT = {"ArgusDecisionAvailabilityBudgetBurn", "ArgusAlertLatencyBudgetBurn"}
ALL_SEEN = "sum(up{job='argus-worker'}) == 3 unless on () ALERTS{alertname='ArgusAllWorkersDown'}"
SHARE = re.compile(r"^argus_assigned_partitions [1-9]", re.MULTILINE)


class Recovery:
    """Serves what a worker in recovery serves: one partition moves on, and with `stall` another one does not."""

    def __init__(self) -> None:
        metrics = Metrics({"partition": ["40", "41"]})
        self._meter = WorkerMeter(metrics, {}, PREFIX)
        self._over = threading.Event()
        self.server = MetricsServer(metrics, LOOPBACK, 0)
        self._meter.recovering("sources", 40, 1_000_000)
        threading.Thread(target=self._move_on, daemon=True).start()

    def stall(self) -> None:
        self._meter.recovering("users", 41, 5_000)

    def close(self) -> None:
        self._over.set()
        self.server.close()

    def _move_on(self) -> None:
        left = 1_000_000
        while not self._over.wait(0.2):
            left -= 100
            self._meter.recovering("sources", 40, left)


@dataclass
class House:
    """All that runs, and what the webhook was told."""

    broker: broker.Broker
    workers: list[Worker]
    recovery: Recovery
    inbox: Receiver
    prometheus: str

    def told(self, receiver_name: str, status: str = "firing") -> set[str]:
        """Names of the alerts that a receiver was told of."""
        return {
            alert["labels"]["alertname"]
            for request in self.inbox.at(f"/{receiver_name}")
            for alert in request.json["alerts"]
            if alert["status"] == status
        }

    @property
    def pages(self) -> set[str]:
        names = ("sre-page", "ml-page", "security-page", "fallback")
        return set.union(*(self.told(name) for name in names)) - BURNT

    @property
    def tickets(self) -> set[str]:
        return self.told("ticket") - BURNT

    def ask(self, expr: str) -> list[dict[str, Any]]:
        return _ask(self.prometheus, expr)

    def send(self, lines: list[tuple[str, bytes]], per_second: float) -> None:
        asyncio.run(outside.send(self.broker.bootstrap, f"{PREFIX}events", lines, per_second))


def _ask(prometheus: str, expr: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"query": expr})
    try:
        with urllib.request.urlopen(f"{prometheus}/api/v1/query?{query}") as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except OSError:  # it is about to start
        return []
    return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    programs = monitoring.find()
    if programs is None:
        pytest.skip("needs Prometheus and Alertmanager (Debian: apt-get install prometheus prometheus-alertmanager)")
    at = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        inbox = stack.enter_context(receiver())
        running = asyncio.run(broker.start(at))
        stack.callback(running.stop)
        asyncio.run(ensure_topics(running.bootstrap, Settings(topic_prefix=PREFIX, partitions=4)))
        settings = {"ARGUS_PARTITIONS": "4", "ARGUS_CANARY_INTERVAL_S": "0.5"}
        alertmanager = pick()
        settings["ARGUS_ALERTMANAGER_URL"] = f"http://{LOOPBACK}:{alertmanager}"
        children = [
            Worker(running.bootstrap, PREFIX, at / name, at / f"{name}.log", name.split("-")[0], settings | more)
            # How long a process waits for a broker is in seconds, too: a tenth of the rules' times would be too few.
            for name, more in (("worker-0", {}), ("worker-1", {}), ("notify", {"ARGUS_SESSION_TIMEOUT_S": "20"}))
        ]
        for child in children:
            child.start()
            stack.callback(child.end)
        recovery, idle = Recovery(), MetricsServer(Metrics(), LOOPBACK, 0)
        stack.callback(idle.close)
        stack.callback(recovery.close)
        listening = [_listening(child) for child in children]
        ports = monitoring.Ports(
            metrics_host=LOOPBACK, api_host=LOOPBACK, workers=[*listening[:2], recovery.server.port],
            notify=listening[2], sink=idle.port, api=idle.port, prometheus=pick(), alertmanager=alertmanager,
        )  # fmt: skip
        # Both workers have their share, and canaries come back from all partitions: the start is over.
        for port in listening[:2]:
            until(lambda port=port: re.search(SHARE, _metrics(port)), WITHIN_S, "a worker's share")
        until(lambda: _newest(_metrics(listening[2])) > time.time() - 3, WITHIN_S, "canaries")
        monitoring.write(at / "monitoring", ports, "http://console")
        config = at / "monitoring" / "config"
        faster.hurry_prometheus(config)
        faster.hurry_alertmanager(config, monitoring.SHIPPED / "alertmanager.yml", inbox.url)
        prometheus = f"http://{LOOPBACK}:{ports.prometheus}"
        for spec in monitoring.specs(programs, at / "monitoring", ports):
            argv = [*spec.argv, *faster.FLAGS.get(spec.name, ())]
            with (at / f"{spec.name}.log").open("wb") as log:
                process = subprocess.Popen(argv, env=dict(spec.env), stdout=log, stderr=log)
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            if spec.name == "prometheus":
                # Before anybody is told of anything: its first look may come late, and six seconds are a minute here.
                until(lambda: _ask(prometheus, ALL_SEEN), WITHIN_S, "the workers' first figures")
        yield House(running, children[:2], recovery, inbox, prometheus)


def test_while_all_is_well_only_the_dead_mans_switch_is_heard(house: House) -> None:
    until(lambda: len(house.inbox.at("/deadman")) >= 2, WITHIN_S, "the dead man's switch")
    assert house.told("deadman") == {"ArgusWatchdog"}
    until(lambda: house.ask("sum(argus_canary_seen_total) > 4"), WITHIN_S, "a canary")
    assert house.pages == house.tickets == set()
    house.recovery.stall()  # it takes longest to be told


def test_one_dead_letter_is_silent(house: House) -> None:
    house.send([("u1", b"no event")], 10)
    until(lambda: house.ask("sum(increase(argus_dlq_records_total[45s])) > 0"), WITHIN_S, "a dead letter")
    until(lambda: house.ask("sum(increase(argus_dlq_records_total[10s])) == 0"), WITHIN_S, "the end of it")
    assert house.tickets == set()


def test_many_dead_letters_are_a_ticket(house: House) -> None:
    house.send([(f"u{number}", b"no event") for number in range(60)], 1_000)
    until(lambda: "ArgusDlqGrowing" in house.tickets, WITHIN_S, "a ticket")
    assert "ArgusDlqGrowing" not in house.pages


def test_an_alert_storm_pages_those_who_mind_security(house: House) -> None:
    now_ms = time.time_ns() // 1_000_000
    payouts = [
        {"event_id": f"p{number}", "type": "payout", "user_id": f"rich-{number}", "time": now_ms, "amount": 12_000}
        for number in range(600)
    ]
    house.send([(event["user_id"], json.dumps({**event, "currency": "USD"}).encode()) for event in payouts], 30)
    until(lambda: "ArgusAlertStorm" in house.told("security-page"), WITHIN_S, "a page")
    assert "ArgusAlertStorm" not in house.told("sre-page")


def test_a_recovery_that_stands_still_pages_and_one_that_moves_on_does_not(house: House) -> None:
    until(lambda: "ArgusRecoveryStalled" in house.told("sre-page"), WITHIN_S, "a page")
    stalled = {
        alert["labels"]["partition"]
        for request in house.inbox.at("/sre-page")
        for alert in request.json["alerts"]
        if alert["labels"]["alertname"] == "ArgusRecoveryStalled"
    }
    assert stalled == {"41"}


def test_a_stopped_worker_is_a_ticket_and_no_page(house: House) -> None:
    house.workers[1].kill()
    until(lambda: "ArgusWorkerDown" in house.tickets, WITHIN_S, "a ticket")
    # The other one takes its partitions over: a canary comes back from each again.
    until(lambda: house.ask("sum(argus_assigned_partitions{job='argus-worker'}) >= 4"), WITHIN_S, "a takeover")
    assert house.pages == {"ArgusRecoveryStalled", "ArgusAlertStorm"}
    assert house.tickets <= {"ArgusDlqGrowing", "ArgusWorkerDown"}


def test_a_broker_outage_pages(house: House) -> None:
    house.broker.stop()
    until(lambda: "ArgusBrokerUnreachable" in house.told("sre-page"), WITHIN_S, "a page")


def test_when_the_last_worker_is_gone_that_pages(house: House) -> None:
    house.workers[0].kill()
    house.recovery.close()
    until(lambda: "ArgusAllWorkersDown" in house.told("sre-page"), WITHIN_S, "a page")


def test_every_message_says_what_it_is_and_leads_to_a_runbook(house: House) -> None:
    for request in house.inbox.requests:
        for alert in request.json["alerts"]:
            notes = alert["annotations"]
            assert notes["runbook_url"].endswith(f"/runbooks/{alert['labels']['alertname']}")
            assert "argus_url" not in alert["labels"]
            assert not re.search(r"<no value>|<error", notes["summary"] + notes.get("description", ""))


def _listening(child: Worker) -> int:
    """The port of its /metrics, from its log."""

    def said() -> re.Match[str] | None:
        return re.search(r"metrics at \S+:(\d+)/metrics", child.log.read_text()) if child.log.exists() else None

    until(said, WITHIN_S, f"the port of {child.command}")
    found = said()
    assert found
    return int(found[1])


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=20) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""


def _newest(metrics: str) -> float:
    """When the canary that has been away longest came back; 0 before all did."""
    seen = re.findall(r"^argus_canary_last_seen_timestamp_seconds{.*} (\S+)$", metrics, re.MULTILINE)
    sent = re.search(r"^argus_canary_seen_total (\S+)$", metrics, re.MULTILINE)
    return min(map(float, seen)) if len(seen) == 4 and sent and float(sent[1]) > 0 else 0.0
