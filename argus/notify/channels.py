"""Channels as they are configured: a YAML file with Apprise URLs and webhooks.

Nothing of a URL or a secret is ever in an error or a log: they hold tokens and passwords.
"""

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Final

import aiohttp
import apprise
import msgspec
import yaml
from msgspec import Meta, Struct

from agents.rules import LiveRules
from argus.notify.sending import Sender, Threads
from argus.notify.webhook import Webhook
from argus.settings import SettingsError
from core.notices import MEMBERS, OTP, About, Channel, Message
from core.records import Kind, SeverityName

logger = logging.getLogger(__name__)

CHANNELS_MAX: Final = 30
WEBHOOKS: Final = ("http://", "https://")
# How loud Apprise shows it, where a service has colours for that.
TYPES: Final = {"LOW": "info", "MEDIUM": "info", "HIGH": "warning", "CRITICAL": "failure"}

# It tells URLs, and what was sent, as it goes along.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class Described(Struct, kw_only=True, forbid_unknown_fields=True):
    """One channel as it is written; see `core.notices.Channel`."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    url: Annotated[str, Meta(min_length=4, max_length=2_048)]
    secret: Annotated[str, Meta(min_length=16, max_length=1_024)] | None = None
    about: tuple[About, ...] = ("alerts",)
    severities: tuple[SeverityName, ...] = ("HIGH", "CRITICAL")
    kinds: tuple[Kind, ...] = ()
    rules: tuple[str, ...] = ()
    rate_per_minute: Annotated[int, Meta(ge=0, le=600)] = 20
    user_per_hour: Annotated[int, Meta(ge=0, le=3_600)] = 6
    digest_s: Annotated[int, Meta(ge=5, le=86_400)] = 300


def read_channels(path: Path | None) -> tuple[Channel, ...]:
    """The channels of a file, none without one. Raises `SettingsError` with the channel and the field."""
    if path is None:
        return ()
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"notify_file: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SettingsError(f"notify_file: {path}: not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if document is None:
        return ()
    if not isinstance(document, dict) or set(document) != {"channels"} or not isinstance(document["channels"], list):
        raise SettingsError(f"notify_file: {path}: expected `channels:` and a list")
    channels = [_channel(path, number, item) for number, item in enumerate(document["channels"], 1)]
    names = [channel.name for channel in channels]
    for name in names:
        if names.count(name) > 1 or name in (OTP, MEMBERS):
            raise SettingsError(f"notify_file: {path}: the name {name} is taken")
    if len(channels) > CHANNELS_MAX:
        raise SettingsError(f"notify_file: {path}: {CHANNELS_MAX} channels at most")
    return tuple(channels)


def _channel(path: Path, number: int, item: Any) -> Channel:
    name = item.get("name") if isinstance(item, dict) else None
    where = f"notify_file: {path}: channel {name if isinstance(name, str) else number}"
    try:
        described = msgspec.convert(item, Described)
    except msgspec.ValidationError as error:
        # msgspec tells the wrong value of a closed set, and no other.
        raise SettingsError(f"{where}: {error}") from None
    if described.url.startswith(WEBHOOKS):
        if described.secret is None:
            raise SettingsError(f"{where}: a webhook needs a secret (16 characters or more)")
    elif described.secret is not None:
        raise SettingsError(f"{where}: only a webhook (http:// or https://) has a secret")
    elif apprise.Apprise.instantiate(described.url, suppress_exceptions=True) is None:
        raise SettingsError(f"{where}: the url is none that Apprise knows")
    return Channel(**msgspec.structs.asdict(described))


class AppriseSender:
    """One Apprise URL. One message at a time: a library that hangs takes one thread and no more."""

    at_once = 1

    def __init__(self, url: str, threads: Threads) -> None:
        """Raises ValueError for a URL that Apprise doesn't know; its text doesn't hold the URL."""
        target = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if target is None:
            raise ValueError("the url is none that Apprise knows")
        self._target = target
        self._threads = threads

    async def send(self, message: Message) -> None:
        await self.tell(message.title, message.text, message.severity)

    async def tell(self, title: str, text: str, severity: str) -> None:
        """Raises `Failed`."""
        kind, target = TYPES[severity], self._target
        await self._threads.call(
            lambda: bool(target.notify(title=title, body=text, notify_type=kind)), "the notification service"
        )


def sender_of(
    channel: Channel, threads: Threads, session: Callable[[], aiohttp.ClientSession], now_ms: Callable[[], int]
) -> Sender:
    """The way a channel's messages go."""
    if channel.secret is not None:
        return Webhook(session, channel.url, channel.secret, now_ms)
    return AppriseSender(channel.url, threads)


class Named:
    """The channels that a rule of the user's own names; says once of each that there is none of that name."""

    def __init__(self, rules: LiveRules, channels: Collection[str]) -> None:
        self._rules = rules
        self._channels = channels
        self._unknown: set[str] = set()

    def __call__(self, rule_id: str) -> Collection[str]:
        own = self._rules.current().by_id.get(rule_id)
        if own is None:
            return ()
        for name in own.channels:
            if name not in self._channels and name not in self._unknown:
                self._unknown.add(name)
                logger.warning("rule %s names the channel %r, which notify_file does not have", rule_id, name)
        return own.channels
