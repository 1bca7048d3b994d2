"""Messages from the notices table: retried, given up, collected, and sent once however often it restarts."""

import asyncio
import json
from pathlib import Path

from msgspec.structs import replace

from argus.notify.breaker import Breaker
from argus.notify.sending import Failed
from core.notices import AlertSeen, CaseSeen, Channel, LockSeen, Message, Pace
from tests.argus.notify.desk import Desk, wall_ms
from tests.kafka.until import until_async

CHANNEL = Channel(name="soc", url="http://x", secret="s" * 16, user_per_hour=0)
QUICK = Pace(first_ms=1, most_ms=20, tries=4)


def alert(number: int = 1, **more: object) -> AlertSeen:
    seen = AlertSeen(
        f"a{number}", 1, "travel", "SECURITY", "HIGH", "Travel", "Too fast", "u1", "user u***1", "t", wall_ms()
    )
    return replace(seen, **more)


class Box:
    """A sender that keeps what it is sent, and fails as long as it is told to."""

    def __init__(self, at_once: int = 1) -> None:
        self.at_once = at_once
        self.sent: list[Message] = []
        self.tries = 0
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def send(self, message: Message) -> None:
        self.tries += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)


async def test_a_message_that_fails_is_tried_again_until_it_is_taken(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, pace=replace(QUICK, tries=1_000))
    work = await desk.open()
    box.error = Failed("away")
    await desk.tell(work, alert())
    await until_async(lambda: box.tries >= 3)
    box.error = None
    await until_async(lambda: desk.counted("soc", "sent") == 1)
    assert desk.counted("soc", "retried") >= 3
    assert len(box.sent) == 1
    await work.stop(gracefully=True)


async def test_what_is_never_taken_is_given_up_and_kept_on_a_topic(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, pace=QUICK)
    work = await desk.open()
    box.error = Failed("away")
    await desk.tell(work, alert())
    await until_async(lambda: desk.counted("soc", "dead") == 1)
    assert box.tries == QUICK.tries
    [dead] = desk.wire
    assert (dead.topic, dead.key) == ("undelivered", b"soc")
    record = json.loads(dead.value or b"")
    assert (record["reason"], record["attempts"], record["facts"]["alert_id"]) == ("away", 4, "a1")
    await work.stop(gracefully=True)


async def test_a_final_refusal_and_a_bug_do_not_stop_the_others(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, pace=QUICK)
    work = await desk.open()
    box.error = Failed("gone", final=True)
    await desk.tell(work, alert(1))
    await until_async(lambda: desk.counted("soc", "dead") == 1)
    assert box.tries == 1
    box.error = KeyError("bug")
    await desk.tell(work, alert(2))
    await until_async(lambda: desk.counted("soc", "dead") == 2)
    box.error = None
    await desk.tell(work, alert(3))
    await until_async(lambda: len(box.sent) == 1)
    await work.stop(gracefully=True)


async def test_a_restart_sends_what_waits_and_nothing_twice(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box})
    seen = [alert(number) for number in range(8)]
    work = await desk.open()
    await desk.tell(work, *seen[:4])
    await until_async(lambda: desk.counted("soc", "sent") == 4)
    box.error = Failed("away")
    await desk.tell(work, *seen[4:])
    await until_async(lambda: box.tries > 4)
    await work.stop(gracefully=False)
    box.error = None
    work = await desk.open()
    await desk.tell(work, *seen)
    await until_async(lambda: desk.counted("soc", "sent") == 8)
    assert sorted(message.facts["alert_id"] for message in box.sent) == [f"a{number}" for number in range(8)]
    await work.stop(gracefully=True)


async def test_what_is_under_way_at_a_graceful_stop_is_finished(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box})
    work = await desk.open()
    box.gate.clear()
    await desk.tell(work, alert())
    await until_async(lambda: box.tries == 1)
    stopping = asyncio.create_task(work.stop(gracefully=True))
    await asyncio.sleep(0)
    box.gate.set()
    await stopping
    work = await desk.open()
    await desk.tell(work, alert(2))
    await until_async(lambda: len(box.sent) == 2)
    assert {message.facts["alert_id"] for message in box.sent} == {"a1", "a2"}
    await work.stop(gracefully=True)


async def test_a_channel_that_hangs_holds_up_neither_the_others_nor_the_lane(tmp_path: Path) -> None:
    stuck, well = Box(), Box()
    other = replace(CHANNEL, name="other")
    desk = Desk(tmp_path, [CHANNEL, other], {"soc": stuck, "other": well})
    stuck.gate.clear()
    work = await desk.open()
    for number in range(20):
        await desk.tell(work, alert(number))
        await work.tick()
    await until_async(lambda: len(well.sent) == 20)
    assert stuck.tries == 1
    stuck.gate.set()
    await work.stop(gracefully=True)


async def test_a_storm_of_alerts_is_one_digest(tmp_path: Path) -> None:
    box = Box(at_once=8)
    channel = replace(CHANNEL, rate_per_minute=5, digest_s=0)
    desk = Desk(tmp_path, [channel], {"soc": box})
    work = await desk.open()
    await desk.tell(work, *(alert(number) for number in range(300)))
    assert desk.counted("soc", "digested") == 295
    await work.tick()
    await until_async(lambda: desk.counted("soc", "sent") == 6)
    digests = [message for message in box.sent if message.facts["type"] == "digest"]
    assert [message.facts["total"] for message in digests] == [295]
    await work.stop(gracefully=True)


async def test_a_digest_outlives_its_process(tmp_path: Path) -> None:
    box = Box(at_once=8)
    channel = replace(CHANNEL, rate_per_minute=0, digest_s=0)
    desk = Desk(tmp_path, [channel], {"soc": box})
    work = await desk.open()
    await desk.tell(work, alert(1), alert(2))
    await work.stop(gracefully=False)
    work = await desk.open()
    await work.tick()
    await until_async(lambda: desk.counted("soc", "sent") == 1)
    assert box.sent[0].facts["total"] == 2
    await work.stop(gracefully=True)


async def test_behind_an_open_breaker_messages_wait_and_a_probe_lets_them_through(tmp_path: Path) -> None:
    box = Box()
    breaker = Breaker(failures_max=2, first_s=0.05, most_s=0.05)
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, pace=replace(QUICK, tries=1_000), breaker=breaker)
    work = await desk.open()
    box.error = Failed("away")
    await desk.tell(work, alert(1), alert(2), alert(3))
    await until_async(lambda: breaker.open)
    assert desk.metrics.number("argus_notification_breaker_open", "soc").value == 1
    await work.tick()
    assert desk.metrics.number("argus_notifications_waiting", "soc").value == 3
    box.error = None
    await until_async(lambda: len(box.sent) == 3)
    assert not breaker.open
    await until_async(lambda: desk.metrics.number("argus_notification_breaker_open", "soc").value == 0)
    await work.tick()
    assert desk.metrics.number("argus_notifications_waiting", "soc").value == 0
    await work.stop(gracefully=True)


async def test_messages_whose_time_is_over_are_given_up_without_a_try(tmp_path: Path) -> None:
    breaker = Breaker(failures_max=1, first_s=3_600, most_s=3_600)
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, pace=replace(QUICK, age_ms=400, tries=99), breaker=breaker)
    work = await desk.open()
    box.error = Failed("away")
    await desk.tell(work, alert(1), alert(2))
    await until_async(lambda: desk.counted("soc", "dead") == 2)
    assert box.tries == 1
    assert {json.loads(output.value or b"")["reason"] for output in desk.wire} == {"its time was over"}
    await work.stop(gracefully=True)


async def test_members_hear_of_their_lock_once_and_not_too_often(tmp_path: Path) -> None:
    box = Box(at_once=4)
    desk = Desk(tmp_path, [], {"members": box}, members=True)
    work = await desk.open()
    changes = [LockSeen("u1", version, "locked", "why", None, "rule", wall_ms()) for version in range(1, 31)]
    await desk.tell(work, changes[0], changes[0])
    await until_async(lambda: desk.counted("members", "sent") == 1)
    await desk.tell(work, *changes)
    await until_async(lambda: desk.counted("members", "sent") == 12)
    assert desk.counted("members", "digested") == 18
    await work.stop(gracefully=True)


async def test_a_record_that_is_not_ours_is_skipped(tmp_path: Path) -> None:
    box = Box()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box})
    work = await desk.open()
    [bad] = desk.records(alert())
    bad.value = b"\xff"
    await work.apply("notices", [bad, *desk.records(alert())])
    await until_async(lambda: len(box.sent) == 1)
    await work.stop(gracefully=True)


async def test_an_alertmanager_that_is_away_holds_up_nothing(tmp_path: Path) -> None:
    box = Box()

    class Away:
        tries = 0

        async def post(self, alerts: object) -> None:
            self.tries += 1
            raise Failed("Alertmanager: ClientConnectorError")

    away = Away()
    desk = Desk(tmp_path, [CHANNEL], {"soc": box}, alertmanager=away)
    work = await desk.open()
    seen = CaseSeen("c1", 1, "u1", "user", 1, "CRITICAL", "open", None, wall_ms(), wall_ms())
    await desk.tell(work, alert(), seen)
    await until_async(lambda: len(box.sent) == 1 and away.tries >= 2)
    pushes = desk.metrics.number("argus_alertmanager_pushes_total", "failed")
    assert pushes.value >= 1
    await work.stop(gracefully=True)
