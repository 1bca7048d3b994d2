"""What notify remembers: what has been told, what waits to be sent, what is held back, and the pages that stand.

All of it is in memory and, a record each, in the table `notices`. `drain` gives what has changed since the last time,
for the step that makes it durable.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from core.clock import DAY
from core.notices import (
    MEMBERS,
    OTP,
    RANK,
    AlertSeen,
    CaseSeen,
    Channel,
    LockSeen,
    Message,
    OtpDue,
    Pace,
    Told,
)
from core.pages import Links, Page, Storm
from core.paging import Pager
from core.telling import CaseTold, alert_messages, case_messages, lock_messages, otp_message
from core.throttle import Bucket, Digest, Limits, add, digest_message, due
from tables.store import Store

KEPT_MS: Final = 3 * DAY
KEPT_MAX: Final = 100_000
# The users' own channel: each is told of a dozen changes an hour at most, and nothing is collected.
MEMBERS_CHANNEL: Final = Channel(name=MEMBERS, url="", rate_per_minute=600, user_per_hour=12)

Kept = TypeVar("Kept")
_encode: Final = msgspec.msgpack.Encoder().encode


class ToldAt(Struct, array_like=True):
    """Something that was told, and when. said: the severity, or the version."""

    said: str | int
    at_ms: int


class Notices:
    """The state of the notices table. Not a word is sent from here: `queue` has the messages that wait."""

    def __init__(
        self,
        store: Store,
        channels: Iterable[Channel],
        links: Links,
        *,
        members: bool,
        named: Callable[[str], Collection[str]],
        count: Callable[[str, str], None],
        pace: Pace,
    ) -> None:
        """members: whether users are told about their locks; named: the channels that a rule names; count(channel,
        outcome): called for what is not sent one by one."""
        self.channels = {channel.name: channel for channel in channels}
        self._all = {**self.channels, MEMBERS: MEMBERS_CHANNEL}
        self._links = links
        self._members = members
        self._named = named
        self._count = count
        self._pace = pace
        self._writes: dict[bytes, bytes | None] = {}
        self._alerts = _read(store, b"a", ToldAt)
        self._cases = _read(store, b"k", CaseTold)
        self._locks = _read(store, b"l", ToldAt)
        self._otps = _read(store, b"o", ToldAt)
        self.digests = _read(store, b"g", Digest)
        self._limits = Limits(_read(store, b"b", Bucket))
        self.pager = Pager(_read(store, b"p", Page).values(), _read(store, b"s", Storm).values())
        queued = sorted(_read(store, b"q", Message).values(), key=lambda message: message.created_ms)
        self.queue = {message.notice_id: message for message in queued}
        self.waiting = Counter(message.channel for message in queued)

    def take(self, seen: Told, now_ms: int) -> bool:
        """Take in what has happened; whether the pages have changed. A repeat changes nothing."""
        if isinstance(seen, AlertSeen):
            self._alert(seen, now_ms)
        elif isinstance(seen, CaseSeen):
            return self._case(seen, now_ms)
        elif isinstance(seen, LockSeen):
            told = self._locks.get(seen.user_id)
            if told is None or int(told.said) < seen.version:
                self._put(b"l", self._locks, seen.user_id, ToldAt(seen.version, now_ms))
                self._send(lock_messages(seen, self.channels.values(), self._members, now_ms), now_ms)
        elif seen.command_id not in self._otps:
            self._otp(seen, now_ms)
        return False

    def tick(self, now_ms: int) -> bool:
        """Digests that are due go into the queue, storms that are quiet end; whether the pages have changed."""
        for name, digest in list(self.digests.items()):
            channel = self.channels.get(name)
            if channel is None:
                self._drop(b"g", self.digests, name)
            elif due(digest, channel, now_ms):
                self._drop(b"g", self.digests, name)
                self._enqueue(digest_message(digest, now_ms))
        return self.pager.tick(now_ms)

    def forget(self, now_ms: int) -> None:
        """Let go of what can't come again; about once a minute."""
        for prefix, table in ((b"a", self._alerts), (b"l", self._locks), (b"o", self._otps)):
            for key in _old(table, now_ms):
                self._drop(prefix, table, key)
        for key in [key for key, told in self._cases.items() if told.resolved and now_ms - told.at_ms > KEPT_MS]:
            self._drop(b"k", self._cases, key)
        self._limits.forget_full(self._all, now_ms)

    def sent(self, message: Message) -> None:
        """The other side has it."""
        self._dequeue(message)

    def failed(self, message: Message, now_ms: int, jitter: float, *, final: bool) -> bool:
        """Whether it was given up; else it is tried again later."""
        if message.notice_id not in self.queue:
            return False
        message.attempts += 1
        if final or self._pace.spent(message, now_ms):
            self._dequeue(message)
            return True
        message.next_ms = now_ms + self._pace.wait_ms(message.attempts, jitter)
        self._writes[b"q" + message.notice_id.encode()] = _encode(message)
        return False

    def stale(self, now_ms: int) -> list[Message]:
        """Messages whose time is over though they were hardly tried, behind an open breaker for instance, and those
        for channels that are gone."""
        return [
            message
            for message in self.queue.values()
            if self._pace.spent(message, now_ms) or (message.channel != OTP and message.channel not in self._all)
        ]

    def drain(self) -> dict[bytes, bytes | None]:
        """What has changed since the last time."""
        pager, writes = self.pager, self._writes
        for case_id in pager.dirty_pages:
            page = pager.pages.get(case_id)
            writes[b"p" + case_id.encode()] = None if page is None else _encode(page)
        for detection in pager.dirty_storms:
            storm = pager.storms.get(detection)
            writes[b"s" + detection.encode()] = None if storm is None else _encode(storm)
        for key, bucket in self._limits.changed.items():
            writes[b"b" + key.encode()] = None if bucket is None else _encode(bucket)
        pager.dirty_pages.clear()
        pager.dirty_storms.clear()
        self._limits.changed.clear()
        self._writes = {}
        return writes

    def _alert(self, seen: AlertSeen, now_ms: int) -> None:
        told = self._alerts.get(seen.alert_id)
        said = None if told is None else str(told.said)
        if said is not None and RANK[seen.severity] <= RANK[said]:
            return
        messages = alert_messages(seen, said, self.channels.values(), self._named(seen.rule_id), now_ms)
        self._put(b"a", self._alerts, seen.alert_id, ToldAt(seen.severity, now_ms))
        self._send(messages, now_ms)

    def _case(self, seen: CaseSeen, now_ms: int) -> bool:
        before = self._cases.get(seen.case_id)
        if before is None or before.version < seen.version:
            told = CaseTold(seen.version, seen.severity, seen.status == "resolved", len(seen.breaches), now_ms)
            self._put(b"k", self._cases, seen.case_id, told)
            url = self._links.case(seen.case_id)
            self._send(case_messages(seen, before, self.channels.values(), url, now_ms), now_ms)
        return self.pager.see(seen, now_ms)

    def _otp(self, seen: OtpDue, now_ms: int) -> None:
        self._put(b"o", self._otps, seen.command_id, ToldAt(0, now_ms))
        message = otp_message(seen, now_ms)
        if message is None:
            self._count(OTP, "expired")
        else:
            self._enqueue(message)

    def _send(self, messages: Iterable[Message], now_ms: int) -> None:
        """Into the queue, as far as the channel's rates go; the rest is held back for a digest."""
        for message in messages:
            name = message.channel
            if self._limits.allow(self._all[name], message.user_id, self.waiting[name], now_ms):
                self._enqueue(message)
                continue
            self._count(name, "digested")
            if name != MEMBERS:
                digest = self.digests.get(name) or Digest(name, now_ms)
                add(digest, message)
                self._put(b"g", self.digests, name, digest)

    def _enqueue(self, message: Message) -> None:
        if message.notice_id not in self.queue:
            self.waiting[message.channel] += 1
            self._put(b"q", self.queue, message.notice_id, message)

    def _dequeue(self, message: Message) -> None:
        if message.notice_id in self.queue:
            self.waiting[message.channel] -= 1
            self._drop(b"q", self.queue, message.notice_id)

    def _put(self, prefix: bytes, table: dict[str, Kept], key: str, value: Kept) -> None:
        table[key] = value
        self._writes[prefix + key.encode()] = _encode(value)

    def _drop(self, prefix: bytes, table: dict[str, Any], key: str) -> None:
        del table[key]
        self._writes[prefix + key.encode()] = None


def _read(store: Store, prefix: bytes, type_: type[Kept]) -> dict[str, Kept]:
    decode = msgspec.msgpack.Decoder(type_).decode
    return {key[1:].decode(): decode(value) for key, value in store.scan(prefix)}


def _old(table: Mapping[str, ToldAt], now_ms: int) -> list[str]:
    """Keys that are beyond their time, and the oldest of those that are too many."""
    old = [key for key, told in table.items() if now_ms - told.at_ms > KEPT_MS]
    surplus = len(table) - len(old) - KEPT_MAX
    if surplus > 0:
        left = sorted((told.at_ms, key) for key, told in table.items() if now_ms - told.at_ms <= KEPT_MS)
        old += [key for _, key in left[:surplus]]
    return old
