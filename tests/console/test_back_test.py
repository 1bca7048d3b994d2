"""Rules tried on recent events by a real `argus replay`."""

import asyncio
from pathlib import Path

import pytest

from argus.api.lately import Past
from argus.console.back_test import BackTest, NotTried
from argus.settings import Settings
from core.clock import rfc3339
from core.records import encode

NOW_MS = 1_790_000_000_000
TEXT = (
    "id: many\ntitle: Many\ntypes: [transaction]\nseverity: CRITICAL\nmode: live\nwhen: {field: amount, gte: 100}\n"
)


def past(number: int, amount: float, raw: bytes | None = None) -> Past:
    event = {
        "event_id": f"e{number}", "type": "transaction", "user_id": f"u{number % 3}",
        "time": rfc3339(NOW_MS + number), "amount": amount, "currency": "EUR",
    }  # fmt: skip
    return Past(NOW_MS + number, b"u", raw if raw is not None else encode(event))


def test_it_says_what_the_rule_would_have_done(tmp_path: Path) -> None:
    events = [past(0, 150.0), past(1, 20.0), past(2, 700.0), past(3, 151.0), past(4, 1.0, b"no json\n\n")]
    settings = Settings(data_dir=tmp_path, secret="x" * 32)
    tried = asyncio.run(BackTest().run(settings, "many", TEXT, events))
    assert (tried.events, tried.alerts, tried.users) == (5, 2, 2)
    assert (tried.first_ms, tried.last_ms) == (NOW_MS, NOW_MS + 4)
    assert {alert.mode for alert in tried.shown} == {"shadow"}
    assert tried.held == 0


def test_one_is_under_way_at_a_time_and_nothing_is_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        trial, settings = BackTest(), Settings(data_dir=tmp_path, secret="x" * 32)
        assert (await trial.run(settings, "many", TEXT, [])).events == 0
        first = asyncio.create_task(trial.run(settings, "many", TEXT, [past(0, 150.0)]))
        await asyncio.sleep(0)
        with pytest.raises(NotTried, match="under way"):
            await trial.run(settings, "many", TEXT, [past(0, 150.0)])
        assert (await first).alerts == 1

    asyncio.run(story())


def test_a_replay_that_cannot_be_says_why(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, secret="x" * 32, geo_city_file=tmp_path / "none.mmdb")
    with pytest.raises(NotTried, match=r"none\.mmdb"):
        asyncio.run(BackTest().run(settings, "many", TEXT, [past(0, 150.0)]))
