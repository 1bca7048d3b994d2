"""What may be told, where it goes, and how often that is tried. `core.telling` has the words.

Everything that happened comes as one of the `Seen` records.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from core.case_state import KIND_OF_ATTACK
from core.clock import HOUR, MINUTE, SECOND
from core.records import SEVERITIES, Kind, LockState, SeverityName

RANK: Final[Mapping[str, int]] = {name: rank for rank, name in enumerate(SEVERITIES)}
# Channels of Argus's own, for which no other may be named.
OTP: Final = "otp"
MEMBERS: Final = "members"
About = Literal["alerts", "cases", "locks"]


class AlertSeen(Struct, frozen=True, tag="alert"):
    """An alert or an update of one. at_ms: when its record was written; whom: the user, or the source in words;
    unless: what would have kept it from firing, empty where the record doesn't say."""

    alert_id: str
    count: int
    rule_id: str
    kind: Kind
    severity: SeverityName
    title: str
    summary: str
    user_id: str | None
    whom: str
    time: str
    at_ms: int
    unless: str = ""


class CaseSeen(Struct, frozen=True, tag="case"):
    """The state of a case. alerts: how many it has; detection: the first rule, empty where the record doesn't say;
    attack: what its alerts are parts of."""

    case_id: str
    version: int
    user_id: str | None
    whom: str
    alerts: int
    severity: SeverityName
    status: Literal["open", "acknowledged", "investigating", "resolved"]
    resolution: str | None
    opened_ms: int
    at_ms: int
    title: str = ""
    attack: str = ""
    detection: str = ""
    breaches: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind | None:
        """None where it isn't known; not of a case that is about a user's security."""
        return KIND_OF_ATTACK.get(self.attack)


class LockSeen(Struct, frozen=True, tag="lock"):
    """A change of a user's lock."""

    user_id: str
    version: int
    state: LockState
    reason: str
    until: str | None
    by: str
    at_ms: int


class OtpDue(Struct, frozen=True, tag="otp"):
    """A one-time password to deliver; the password itself is derived where it is sent, and nowhere kept."""

    command_id: str
    user_id: str
    expires_ms: int
    at_ms: int


class CanarySeen(Struct, frozen=True, tag="canary"):
    """A canary's event was decided. sent_ms: when it was sent."""

    partition: int
    event_id: str
    sent_ms: int


# What may be told to somebody, and what comes on the same way.
Told = AlertSeen | CaseSeen | LockSeen | OtpDue
Seen = Told | CanarySeen


class Channel(Struct, frozen=True, kw_only=True):
    """Where messages go, and which. Empty severities, kinds or rules: all. A rule of the user's own that names the
    channel sends there whatever these say.

    secret: signs a webhook's messages. Beyond the rates, messages are collected to one each `digest_s`; a rate of 0
    collects all.
    """

    name: str
    url: str
    secret: str | None = None
    about: tuple[About, ...] = ("alerts",)
    severities: tuple[SeverityName, ...] = ("HIGH", "CRITICAL")
    kinds: tuple[Kind, ...] = ()
    rules: tuple[str, ...] = ()
    rate_per_minute: int = 20
    user_per_hour: int = 6
    digest_s: int = 300


class Message(Struct, array_like=True):
    """What one channel is to be told. notice_id: the same for the same news, so that a receiver knows a repeat;
    facts: for receivers that are programs; next_ms: not before then."""

    notice_id: str
    channel: str
    severity: str
    title: str
    text: str
    user_id: str | None
    created_ms: int
    next_ms: int
    facts: dict[str, str | int | None]
    attempts: int = 0
    until_ms: int = 0


class Pace(Struct, frozen=True, kw_only=True):
    """How a message that failed is tried again: first_ms doubling to most_ms, `tries` times, for `age_ms`."""

    first_ms: int = SECOND
    most_ms: int = 5 * MINUTE
    tries: int = 12
    age_ms: int = 6 * HOUR

    def wait_ms(self, attempts: int, jitter: float) -> int:
        """After so many attempts. jitter: 0 to 1; half of the wait hangs on it, so that retries spread."""
        full = min(self.most_ms, self.first_ms << min(max(attempts - 1, 0), 40))
        return int(full * (0.5 + jitter / 2))

    def spent(self, message: Message, now_ms: int) -> bool:
        """Whether it has been tried for long enough."""
        return message.attempts >= self.tries or now_ms >= (message.until_ms or message.created_ms + self.age_ms)


def notice_id(*parts: object) -> str:
    """Names one piece of news for one channel."""
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def masked(user_id: str) -> str:
    """Enough to recognise a user by, for those who may know."""
    if len(user_id) <= 4:
        return "***"
    return f"{user_id[:2]}***{user_id[-1]}"


def wants(channel: Channel, about: About, severity: str, kind: str | None, rule_id: str | None) -> bool:
    """Whether a channel's own routing takes it. kind, rule_id: None where that isn't known, which fits all."""
    return (
        about in channel.about
        and (not channel.severities or severity in channel.severities)
        and (not channel.kinds or kind is None or kind in channel.kinds)
        and (not channel.rules or rule_id is None or rule_id in channel.rules)
    )
