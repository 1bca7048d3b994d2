from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus.store.store import Store
from argus.store.tables import metadata
from argus.store.upserts import UPSERTS, newest
from tests.argus.store import records as make
from tests.argus.store.records import Raw, rows, run, stored

EVERYTHING: dict[str, Any] = {
    "alerts": make.alert(),
    "decisions": make.decision(),
    "cases": make.case(),
    "locks": make.lock(),
    "outcomes": make.outcome(),
    "feedback": make.feedback(),
    "audit": make.audit(),
}


def test_there_is_a_way_to_write_every_table_that_the_topics_fill() -> None:
    assert set(UPSERTS) == set(metadata.tables) - {"accounts", "sessions"}


@pytest.mark.parametrize("topic", EVERYTHING)
def test_a_record_written_again_and_again_is_there_once_as_it_came(url: str, topic: str) -> None:
    async def story(store: Store) -> None:
        batch = rows(topic, [EVERYTHING[topic]] * 2)
        await store.write(batch)
        before = await stored(store, topic)
        await store.write(batch)
        assert await stored(store, topic) == before
        assert len(before) == 1

    run(url, story)


@pytest.mark.parametrize(
    ("topic", "field", "record"),
    [("alerts", "count", make.alert), ("cases", "version", make.case), ("locks", "version", make.lock)],
)
def test_the_highest_stands_whatever_comes_after_it(url: str, topic: str, field: str, record: Any) -> None:
    async def story(store: Store) -> None:
        for number in (2, 5, 3):
            await store.write(rows(topic, [record(**{field: number})]))
        assert [one[field] for one in await stored(store, topic)] == [5]
        await store.write(rows(topic, [record(**{field: number}) for number in (7, 9, 8)]))
        assert [one[field] for one in await stored(store, topic)] == [9]

    run(url, story)


def test_every_version_of_a_lock_is_in_its_history(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("locks", [make.lock(version=number) for number in (1, 2, 2, 3)]))
        await store.write(rows("locks", [make.lock(version=2)]))
        assert [one["version"] for one in await stored(store, "lock_history")] == [1, 2, 3]

    run(url, story)


def test_a_rule_is_as_it_last_came_and_gone_when_it_is_deleted(url: str) -> None:
    def rule(name: str, text: str | None) -> Raw:
        return Raw(None if text is None else f'{{"rule_id":"{name}","text":"{text}"}}'.encode(), key=name.encode())

    async def story(store: Store) -> None:
        await store.write(rows("rules", [rule("a", "1"), rule("b", "1"), rule("a", "2")]))
        assert [one["text"] for one in await stored(store, "rules")] == ["2", "1"]
        await store.write(rows("rules", [rule("a", "3"), rule("b", None), rule("c", "1"), rule("c", None)]))
        assert [one["text"] for one in await stored(store, "rules")] == ["3"]
        await store.write(rows("rules", [rule("a", None), rule("a", "4")]))
        assert [one["text"] for one in await stored(store, "rules")] == ["4"]

    run(url, story)


def test_a_batch_is_written_whole_or_not_at_all(url: str) -> None:
    async def story(store: Store) -> None:
        bad = [("locks", ("u9", None, "locked", 0, None, "rule", "{}", 0))]
        with pytest.raises(Exception, match=r"(?i)null"):
            await store.write([*rows("alerts", [make.alert()]), bad])
        assert await stored(store, "alerts") == []

    run(url, story)


def test_a_text_with_the_character_that_postgresql_cannot_store_is_stored_all_the_same(url: str) -> None:
    async def story(store: Store) -> None:
        await store.write(rows("alerts", [make.alert(user_id="u\0x", title="\0")]))
        assert [one["user_id"] for one in await stored(store, "alerts")] == ["u\0x"]

    run(url, story)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 6)), min_size=1, max_size=12), st.integers(0, 12))
def test_the_newest_of_some_rows_does_not_depend_on_how_they_were_cut(
    given_rows: list[tuple[str, int]], cut: int
) -> None:
    upsert = UPSERTS["lock_history"], UPSERTS["locks"]
    for one in upsert:
        padding = (None,) * (len(one.table.columns) - 2)
        whole = [(*row, *padding) for row in given_rows]
        parts = newest(one, [*newest(one, whole[:cut]), *newest(one, whole[cut:])])
        assert parts == newest(one, whole)
