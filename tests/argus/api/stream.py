"""Stands in for the workers: answers events and commands through a real broker, at once and always alike."""

import asyncio
import contextlib
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from argus.settings import Settings
from core.case_commands import NO_ALERT
from core.clock import rfc3339
from core.records import Case, Command, Decision, Event, Feedback, Outcome, encode


class Stream:
    """events, commands, feedback: all that came, events with their partition. mute: it reads and says nothing.
    unknowing: how many commands more it refuses since it knows of no such alert yet. cases: what it knows, each
    command about one raises its version, and an alert that joined it just before has raised it as well."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.events: list[tuple[int, bytes, bytes]] = []
        self.commands: list[Command] = []
        self.feedback: list[Feedback] = []
        self.cases: dict[str, Case] = {}
        self.mute = False
        self.refuses: str | None = None
        self.unknowing = 0
        self._decided: set[tuple[str, str]] = set()

    async def run(self, ready: asyncio.Event) -> None:
        settings = self._settings
        topics = [settings.topic(name) for name in ("events", "commands", "feedback")]
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.broker, fetch_max_wait_ms=10, enable_auto_commit=False)
        producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
        await consumer.start()
        await producer.start()
        try:
            targets = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
            consumer.assign(targets)
            for target in targets:
                consumer.seek(target, 0)
            ready.set()
            while True:
                fetched = await consumer.getmany(timeout_ms=200)
                for target, records in fetched.items():
                    for record in records:
                        for topic, key, value in self._answers(target.topic, record):
                            await producer.send(settings.topic(topic), value, key=key)
        finally:
            with contextlib.suppress(Exception):
                await consumer.stop()
                await producer.stop()

    def _answers(self, topic: str, record: Any) -> list[tuple[str, bytes, bytes]]:
        if topic == self._settings.topic("events"):
            self.events.append((record.partition, record.key, record.value))
            return [] if self.mute else self._decide(record.value)
        if topic == self._settings.topic("feedback"):
            self.feedback.append(msgspec.json.decode(record.value, type=Feedback))
            return []
        command = msgspec.json.decode(record.value, type=Command)
        self.commands.append(command)
        return [] if self.mute else self._obey(command)

    def _decide(self, raw: bytes) -> list[tuple[str, bytes, bytes]]:
        event = msgspec.json.decode(raw, type=Event)
        if (event.user_id, event.event_id) in self._decided:
            return []
        self._decided.add((event.user_id, event.event_id))
        decision = Decision(
            event_id=event.event_id, user_id=event.user_id, time=rfc3339(1_790_000_000_000), decision="approve",
            risk_score=float(len(self._decided)), scores={}, rules=[],
        )  # fmt: skip
        return [("decisions", event.user_id.encode(), encode(decision))]

    def _obey(self, command: Command) -> list[tuple[str, bytes, bytes]]:
        why = self.refuses
        if self.unknowing:
            self.unknowing -= 1
            why = NO_ALERT
        outcome = Outcome(
            command_id=command.command_id,
            user_id=command.user_id,
            status="refused" if why else "done",
            reason=why or f"{command.type} done",
            time=rfc3339(1_790_000_000_000),
        )
        answers = [("outcomes", command.command_id.encode(), encode(outcome))]
        case = self.cases.get(command.case_id or "")
        if case is not None and not why:
            case.version += 1
            answers.append(("cases", case.case_id.encode(), encode(case)))
            case.version += 1
            case.assignee = command.assignee or case.assignee
            case.escalated = case.escalated or command.type == "escalate"
            case.resolution = command.resolution or case.resolution
            case.status = {"acknowledge": "acknowledged", "resolve": "resolved"}.get(command.type, case.status)  # type: ignore[assignment]
            answers.append(("cases", case.case_id.encode(), encode(case)))
        return answers
