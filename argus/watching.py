"""`argus tail`, and the lines of `argus up`: alerts in the terminal, filtered, a line each, with a colour for each
severity."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec
from aiokafka.errors import KafkaError
from msgspec import UNSET, Struct

from argus.alerts_view import Tail
from argus.audit_topic import partitions_of
from argus.broker import BrokerError
from argus.kafka_access import access_of
from argus.settings import Settings
from core.records import SEVERITIES, Alert

COLORS: Final[dict[str, dict[str, Any]]] = {
    "LOW": {"fg": "blue"},
    "MEDIUM": {"fg": "yellow"},
    "HIGH": {"fg": "red"},
    "CRITICAL": {"fg": "white", "bg": "red", "bold": True},
}
REMEMBERED: Final = 10_000
UNPRINTABLE: Final = dict.fromkeys((*range(32), *range(127, 160)), "\ufffd")


class Wanted(Struct, frozen=True, kw_only=True):
    """Which alerts to show; what is empty asks for nothing. severity: that one or a higher one."""

    severity: str | None = None
    kinds: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    user: str | None = None
    updates: bool = False

    def takes(self, alert: Alert) -> bool:
        users = [alert.user_id] if alert.users is UNSET else [alert.user_id, *alert.users]
        return (
            (self.severity is None or SEVERITIES.index(alert.severity) >= SEVERITIES.index(self.severity))
            and (not self.kinds or alert.kind in self.kinds)
            and (not self.rules or alert.rule_id in self.rules)
            and (self.user is None or self.user in users)
        )


class Chosen:
    """The records to show, out of all: an update only where it raises the severity, unless all are wanted."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._shown: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._decode = msgspec.json.Decoder(Alert).decode

    def alert(self, record: bytes) -> Alert | None:
        """None for one that is not shown, or cannot be read."""
        try:
            alert = self._decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        if not self._wanted.takes(alert):
            return None
        severity = SEVERITIES.index(alert.severity)
        shown, count = self._shown.get(alert.alert_id, (-1, 0))
        if alert.count <= count or (severity <= shown and not self._wanted.updates):
            return None
        self._shown[alert.alert_id] = (severity, alert.count)
        self._shown.move_to_end(alert.alert_id)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        return alert


def line(alert: Alert, *, color: bool) -> str:
    """`12:00:00 HIGH     ada: Impossible travel. Seen in GB and JP`. What events said cannot steer the terminal."""
    whom = alert.user_id or (f"{alert.source.type} {alert.source.id}" if alert.source is not UNSET else "-")
    times = f" (x{alert.count})" if alert.count > 1 else ""
    shadow = " [shadow]" if alert.mode == "shadow" else ""
    severity = f"{alert.severity:8}"
    if color:
        severity = click.style(severity, **COLORS[alert.severity])
    unless = "" if alert.counterfactual is UNSET else f" {alert.counterfactual.text}."
    text = f"{whom}: {alert.title}{times}{shadow}. {alert.summary}{unless}".translate(UNPRINTABLE).rstrip()
    return f"{alert.time[11:19]} {severity} {text}"


def run(
    settings: Settings,
    wanted: Wanted,
    *,
    from_start: bool,
    count: int | None,
    as_json: bool,
    color: bool | None,
    echo: Callable[..., object],
) -> int:
    """count: after how many to end, None for never. The exit status."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    if color is None:
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def show(alert: Alert, record: bytes) -> None:
        echo(record.decode() if as_json else line(alert, color=color), color=color)

    asyncio.run(_run(settings, Chosen(wanted), show, from_start, count))
    return 0


async def _run(
    settings: Settings, chosen: Chosen, show: Callable[[Alert, bytes], None], from_start: bool, count: int | None
) -> None:
    access, topic = access_of(settings), settings.topic("alerts")
    (partitions,) = await partitions_of(settings.broker, access, topic)
    tail = Tail(settings.broker, topic, len(partitions), from_start=from_start, access=access)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def follow() -> None:
        left = count
        async for record in tail.values():
            alert = chosen.alert(record)
            if alert is None:
                continue
            show(alert, record)
            if left is not None:
                left -= 1
                if not left:
                    return

    try:
        await tail.start()
        tasks = [asyncio.create_task(follow()), asyncio.create_task(stop.wait())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
    except BrokenPipeError:
        raise  # it is who reads our output that has gone
    except (KafkaError, OSError) as error:
        raise BrokerError(f"no broker answers on {settings.broker}: {error}") from None
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await tail.stop()
