from argus.settings import Settings
from argus.store.retention import ROWS_AT_ONCE, forget, kept
from argus.store.store import Store
from argus.store.tables import metadata
from core.clock import DAY
from tests.argus.store import records as make
from tests.argus.store.records import NOW_MS, count, rows, run, stored

FOREVER = {
    f"retention_days_{name}": 0.0 for name in ("alerts", "decisions", "cases", "locks", "outcomes", "feedback")
}


def test_old_rows_go_however_many_and_new_ones_stay(url: str) -> None:
    async def story(store: Store) -> None:
        old = [make.alert(f"old{number}") for number in range(ROWS_AT_ONCE + 7)]
        await store.write(rows("alerts", old, timestamp=NOW_MS - 10 * DAY - 1))
        await store.write(rows("alerts", [make.alert("new")], timestamp=NOW_MS - 10 * DAY))
        gone = await forget(store, kept(Settings(retention_days_alerts=10)), NOW_MS)
        assert gone == {"alerts": ROWS_AT_ONCE + 7}
        assert [one["alert_id"] for one in await stored(store, "alerts")] == ["new"]
        assert await forget(store, kept(Settings(retention_days_alerts=10)), NOW_MS) == {}

    run(url, story)


def test_what_counts_is_when_argus_said_it_and_not_when_it_happened(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("alerts", [make.alert(time="2001-01-01T00:00:00.000Z")], timestamp=NOW_MS))
        await forget(store, kept(Settings()), NOW_MS)
        assert await count(store, "alerts") == 1

    run(url, story)


def test_open_cases_and_the_newest_word_on_a_lock_are_never_forgotten(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("cases", [make.case("c1"), make.case("c2", status="resolved")]))
        await store.write(rows("locks", [make.lock()]))
        await store.write(rows("decisions", [make.decision()]))
        gone = await forget(store, kept(Settings()), NOW_MS + 100_000 * DAY)
        assert gone == {"cases": 1, "lock_history": 1, "decisions": 1, "users": 1}
        assert [one["case_id"] for one in await stored(store, "cases")] == ["c1"]
        assert await count(store, "locks") == 1

    run(url, story)


def test_zero_days_are_for_ever(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("alerts", [make.alert()]))
        settings = Settings(**FOREVER)  # type: ignore[arg-type]
        assert await forget(store, kept(settings), NOW_MS + 100_000 * DAY) == {}

    run(url, story)


def test_every_table_but_locks_rules_and_logins_forgets() -> None:
    others = {"locks", "rules", "accounts", "sessions"}
    assert {keep.table.name for keep in kept(Settings())} == set(metadata.tables) - others
