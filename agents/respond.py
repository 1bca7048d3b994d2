"""The respond agent's step: what people ask of the users table, to outcomes, locks, labels and codes to deliver."""

from collections.abc import Sequence
from typing import Any, Final

from agents.detect import FORWARDED_HEADER
from agents.intake import Rejections
from agents.outputs import verdict_outputs
from agents.placing import Placing, partition_of
from agents.services import report_alerts
from agents.shard import Output
from agents.users import Draft, UserWork
from core.commands import answered_by
from core.events import Rejected, read_command
from core.obey import Desk, Obeyed
from core.outcomes import Answer, Answered
from core.records import Command, encode
from core.state import UserState

OTP_OUTCOMES: Final = {
    Answer.CODE_SENT: "sent",
    Answer.TOO_MANY_CODES: "limited",
    Answer.UNLOCKED: "passed",
    Answer.CONFIRMED: "passed",
    Answer.ADMIN_LOCK: "passed",
    Answer.CODE_WRONG: "wrong",
    Answer.CODE_VOID: "void",
    Answer.CODE_EXPIRED: "expired",
    Answer.NO_CODE: "none",
}


class Respond:
    """Decides about commands (see `agents.users.Decide`).

    Several tables read the topic; this one alone forwards a command that lies on another partition than its user's,
    and sets aside what can't be read. key: of one-time passwords.
    """

    def __init__(self, place: Placing, rejections: Rejections, key: bytes) -> None:
        self._place = place
        self._rejections = rejections
        self._key = key

    def __call__(self, work: UserWork, records: Sequence[Any]) -> Draft:
        services = work.services
        now_ms = services.now_ms()
        outputs: list[Output] = []
        unread: list[tuple[str, str]] = []
        commands: list[Command] = []
        forwarded = 0
        arrived: dict[str, int] = {}
        for record in records:
            try:
                command = read_command(record.value or b"", now_ms=now_ms)
            except Rejected as rejected:
                outputs.append(self._rejections.output(record, rejected, now_ms))
                unread.append((record.topic, rejected.error))
                continue
            home = self._place(command.user_id)
            if home != work.partition:
                key, forwarded_header = command.user_id.encode(), ((FORWARDED_HEADER, b"1"),)
                outputs.append(Output(record.topic, home, key, record.value, forwarded_header))
                forwarded += 1
            elif answered_by(command) == "users":
                commands.append(command)
                arrived[command.user_id] = record.timestamp
        users = work.users.load([command.user_id for command in commands], {})
        obeyed = Obeyed()
        desk = Desk(services.book, services.policy, self._key, now_ms, obeyed)
        answers: list[tuple[str, Answered]] = []
        for command in commands:
            state = users.get(command.user_id)
            if state is None:
                state = users[command.user_id] = UserState()
            answered, fresh = desk.answer(command, state)
            if fresh:
                answers.append((command.type, answered))
        writes: dict[bytes, bytes | None] = {}
        for until_ms, user_id in obeyed.judged.due:
            work.timers.add(until_ms, user_id, writes)
        outputs += answer_outputs(work, obeyed)
        outputs += verdict_outputs(work, obeyed.judged)

        def report() -> None:
            meter, judged, topic = services.meter, obeyed.judged, services.topics.commands
            done_ms = services.now_ms()
            for _, error in unread:
                meter.rejected(topic, error)
            meter.outcomes(topic, "rejected", len(unread))
            meter.outcomes(topic, "forwarded", forwarded)
            meter.count("forwarded", forwarded)
            for type_, answered in answers:
                meter.command(type_, answered.status)
                if type_ in ("otp_request", "otp_verify"):
                    meter.otp(OTP_OUTCOMES.get(answered.answer, "refused"))
            for lock in judged.locks:
                latency_ms = done_ms - arrived.get(lock.user_id, done_ms)
                meter.lock(lock.state, lock.by, latency_ms / 1_000)
            meter.rule_hits(judged.hits)
            report_alerts(
                meter,
                judged.alerts,
                judged.suppressed,
                lambda alert: done_ms - arrived.get(alert.user_id or "", done_ms),
            )

        return Draft(outputs, writes, users, 0, report, obeyed.judged.signals)


def answer_outputs(work: UserWork, obeyed: Obeyed) -> list[Output]:
    """Outcomes, by the command; codes to deliver and labels, by the user, whose partition has the same number."""
    topics, partition = work.services.topics, work.partition
    outputs = []
    for outcome in obeyed.outcomes:
        key = outcome.command_id.encode()
        outputs.append(Output(topics.outcomes, partition_of(key, work.services.partitions), key, encode(outcome)))
    outputs += [
        Output(topics.deliveries, partition, delivery.user_id.encode(), encode(delivery))
        for delivery in obeyed.deliveries
    ]
    outputs += [Output(topics.feedback, partition, user_id.encode(), label) for user_id, label in obeyed.labels]
    return outputs
