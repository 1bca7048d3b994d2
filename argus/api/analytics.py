"""GET /v1/analytics/summary."""

from typing import Annotated

from msgspec import Meta, Struct

from argus.api.alerts import When, when_ms
from argus.api.problems import invalid
from argus.api.route import Call
from argus.store.summary import BUCKETS_MOST, Summary, summary
from core.clock import DAY, HOUR, SECOND


class SummaryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The last day, by the hour, where nothing is said. bucket_s: of the trend."""

    since: When | None = None
    until: When | None = None
    bucket_s: Annotated[int, Meta(ge=60, le=31 * 86_400)] | None = None


async def summed(call: Call) -> Summary:
    query: SummaryQuery = call.query
    until_ms = when_ms("until", query.until) or call.services.now_ms()
    since_ms = when_ms("since", query.since)
    if since_ms is None:
        since_ms = until_ms - DAY
    if since_ms >= until_ms:
        raise invalid("since is not before until", "since")
    usual = HOUR if until_ms - since_ms <= BUCKETS_MOST * HOUR else DAY
    bucket_ms = query.bucket_s * SECOND if query.bucket_s is not None else usual
    async with call.services.store.reading() as connection:
        return await summary(connection, since_ms, until_ms, bucket_ms)
