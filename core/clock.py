"""Event time: milliseconds since the epoch inside Argus, RFC 3339 in UTC with milliseconds outside."""

from datetime import UTC, datetime, timedelta

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MINUTE_TEXTS: dict[int, str] = {}
_MINUTE_TEXTS_MAX = 4_096
_SECOND_TEXTS = [f"{second:02d}" for second in range(60)]
_REST_TEXTS = [f".{rest_ms:03d}Z" for rest_ms in range(SECOND)]


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down. moment: aware."""
    return (moment - _EPOCH) // _MILLISECOND


def rfc3339(time_ms: int) -> str:
    """`2026-03-01T12:00:00.000Z`. Times of one minute share their head, which is kept (bounded)."""
    minute, rest = divmod(time_ms, MINUTE)
    head = _MINUTE_TEXTS.get(minute)
    if head is None:
        if len(_MINUTE_TEXTS) >= _MINUTE_TEXTS_MAX:
            _MINUTE_TEXTS.clear()
        head = (_EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:")
        _MINUTE_TEXTS[minute] = head
    return head + _SECOND_TEXTS[rest // SECOND] + _REST_TEXTS[rest % SECOND]
