"""What earlier versions have left in their changelogs is taken over by this one: every table's state, models, labels,
outbox and progress."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.audit import CHAIN_KEY
from agents.cases import CaseWork, Topics
from agents.labels import CHUNK_PREFIX
from agents.shard import META_KEY, OUTBOX_KEY
from agents.signalling import Signals, encode_signals
from argus.label_plan import label_plan
from argus.secret import derived_key
from argus.settings import Settings
from core.clock import MINUTE
from core.detect import LABEL_FEATURES
from core.events import decode_action, nowhere
from core.signal import SIGNUP, Signal
from core.state import VERSION
from tables.audit import CHAINS
from tables.user_table import USER_PREFIX
from tests.agents.fakes import Log
from tests.agents.household import PLACE, Record, Town
from tests.faults.workers import SECRET
from tests.upgrade.old import VERSIONS, Recorded, recorded

# Models learn other things of other features, and are learnt anew then; rows for labels likewise.
LEARNT_ANEW = {"features", "parameters"}
FAR = 1 << 40

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def town_of(left: Recorded, path: Path) -> Town:
    """A town whose logs are those changelogs."""
    town = Town(
        path,
        partitions=1,
        labels=label_plan(Settings()),
        snapshot_key=derived_key(SECRET, b"snapshot"),
        now_ms=lambda: decode_action(left.newest, now_ms=None, locate=nowhere).time_ms + MINUTE,
    )
    for table, rows in left.tables.items():
        log = town.logs[f"{table}0"] = Log()
        for key, value in rows:
            log.append({key: value[4:]}, int.from_bytes(value[:4], "big"))
    return town


def row(left: Recorded, table: str, key: bytes) -> bytes:
    """A record's value without its epoch."""
    return dict(left.tables[table])[key][4:]


def test_users_go_on_with_all_that_is_known_of_them(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    town = town_of(left, tmp_path)
    newest = msgspec.json.decode(left.newest)
    user = next(user for user in left.counts if PLACE(user) == 0)
    event = msgspec.json.encode({**newest, "event_id": "one-more", "user_id": user})

    async def story() -> None:
        work = await town.users()
        outbox = msgspec.msgpack.decode(row(left, "users", OUTBOX_KEY))
        assert outbox
        assert [(sent.topic, sent.value) for sent in town.wire] == [
            (topic, value) for topic, _, _, value, *_ in outbox
        ]
        counts = {id_: state.events for id_, state in work.users.load(left.counts, {}).items()}
        assert counts == left.counts
        offset = work.shard.meta.applied[next(name for name in work.shard.meta.applied if name.endswith("events"))]
        assert offset >= sum(left.counts.values())
        assert work.shard.meta.clock_ms > 0
        town.wire.clear()
        await work.apply("events", town.topic("events", [event], first=FAR))
        assert [decision["event_id"] for decision in town.sent("decisions")] == ["one-more"]
        assert work.users.load([user], {})[user].events == left.counts[user] + 1
        rewritten = work.shard.store.get(USER_PREFIX + user.encode())
        assert rewritten is not None
        assert msgspec.msgpack.decode(rewritten)[0] == VERSION
        await work.stop(gracefully=True)

    asyncio.run(story())


def test_an_event_that_the_earlier_version_has_decided_is_not_decided_again(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    town = town_of(left, tmp_path)

    async def story() -> None:
        work = await town.users()
        town.wire.clear()
        user = msgspec.json.decode(left.newest)["user_id"]
        await work.apply("events", town.topic("events", [left.newest], first=FAR))
        assert not town.sent("decisions")
        assert work.users.load([user], {})[user].events == left.counts[user]
        await work.stop(gracefully=True)

    asyncio.run(story())


def test_models_go_on_or_say_why_they_are_learnt_anew(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    town = town_of(left, tmp_path)

    async def story() -> None:
        work = await town.users()
        reasons = {reason for (reason,) in town.reports["snapshot_unreadable"]}
        assert reasons <= LEARNT_ANEW
        assert reasons or work.scorer.learned > 1_000
        learner = work.labels.learner
        assert learner is not None
        chunks = [value[4:] for key, value in left.tables["users"] if key.startswith(CHUNK_PREFIX)]
        same = [chunk for chunk in chunks if tuple(msgspec.msgpack.decode(chunk)[1]) == LABEL_FEATURES]
        assert bool(same) == bool(learner.kept.column("time_ms").size)
        await work.stop(gracefully=True)

    asyncio.run(story())


def test_sources_go_on(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    town = town_of(left, tmp_path)

    async def story() -> None:
        work = await town.sources()
        states = {state.key: state for state in work.stored()}
        assert len(states) > 100
        key = next(key for key in states if key.startswith("ip:"))
        clock_ms = states[key].clock_ms
        signals = Signals(0, FAR, {key: [Signal(SIGNUP, clock_ms + 1, "u", "one-more")]})
        await work.apply("signals", [Record("signals", 0, FAR, b"0", encode_signals(signals))])
        assert next(state for state in work.stored() if state.key == key).clock_ms == clock_ms + 1
        await work.stop(gracefully=True)

    asyncio.run(story())


def test_cases_go_on(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    town = town_of(left, tmp_path)
    topics = Topics(**{name: name for name in Topics.__struct_fields__})

    async def story() -> None:
        shard = town.shard("cases", 0, "a", 1_000_000)
        work = CaseWork(town.services(), shard, topics, PLACE, 10, town._missed)
        await work.start()
        states = list(work.stored())
        assert sum(len(state.open_cases()) for state in states) > 0
        assert len(work._open) == sum(len(state.open_cases()) for state in states)
        await work.stop(gracefully=True)

    asyncio.run(story())


def test_the_audit_chain_goes_on_where_it_ended(tmp_path: Path, version: str) -> None:
    left = recorded(version)
    chain: Any = CHAINS.decode(row(left, "audit", CHAIN_KEY))
    assert chain.sequence > 0
    assert CHAINS.decode(CHAINS.encode(chain)) == chain
    assert META_KEY in dict(left.tables["audit"])
