"""A partition's models: fitted versions come into force, are kept, go back and survive; in memory, with no broker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from agents.lanes import TICK_S
from agents.models import ASIDE_KEY, MODELS_KEY, PartitionModels
from agents.pins import PINS_MOST, Pins
from agents.users import UserWork
from agents.versions import VERSIONS_KEPT
from core.model_records import ModelPin
from models.modes import Unsupervised
from models.plan import ModelPlan
from models.protocol import Matrix
from tables.chunks import CHUNK_BYTES
from tests.agents.household import TOPICS, Town
from tests.agents.test_users import play
from tests.models.rows import normal_rows, strange_rows

NAME = "isolation_forest"
WIDTH = 16


def rows(count: int, seed: int = 5) -> Matrix:
    """As wide as the features are."""
    return np.concatenate((normal_rows(count, seed), normal_rows(count, seed + 1_000)), axis=1)


def town_with(path: Path, **modes: Any) -> Town:
    plan = ModelPlan({**dict[Unsupervised, Any](one_class_svm="off", half_space_trees="off"), **modes})
    return Town(path, plan=plan)


async def teach(models: PartitionModels, count: int, seed: int = 5) -> None:
    """Rows in steps of 500, as from a stream."""
    given = rows(count, seed)
    for start in range(0, count, 500):
        part = given[start : start + 500].tolist()
        models.scorer.learn(part, [True] * len(part))
        await models.keep()
    while models.scorer.refits.news:
        await models.keep()


def told(town: Town) -> dict[str, dict[str, Any]]:
    """What the models topic holds after compaction."""
    held: dict[str, dict[str, Any]] = {}
    for output in town.wire:
        if output.topic == TOPICS.models:
            key = (output.key or b"").decode()
            held.pop(key, None)
            if output.value is not None:
                held[key] = msgspec.json.decode(output.value)
    return held


def versions(town: Town) -> dict[int, bool]:
    return {one["version"]: one["in_force"] for key, one in told(town).items() if key.startswith(f"{NAME}/")}


def test_a_fitted_version_is_in_force_on_record_and_survives_a_kill(tmp_path: Path) -> None:
    town = town_with(tmp_path, isolation_forest="shadow")

    async def story() -> None:
        work: UserWork = await town.users()
        await teach(work.models, 1_100)
        assert work.scorer.version_of(NAME) == 1
        assert town.reports["snapshot"] == []
        await work.stop(gracefully=False)
        heir: UserWork = await town.users(disk="b")
        assert heir.scorer.version_of(NAME) == 1
        assert any(heir.scorer._bank.fitted[0].score_rows(rows(20, seed=9)))
        await heir.stop(gracefully=True)

    play(story)
    record = told(town)[f"{NAME}/0/1"]
    assert (record["in_force"], record["pinned"], record["mode"]) == (True, False, "shadow")
    assert (record["trained_rows"], record["learned"]) == (512, 512)
    assert len(record["features"]) == WIDTH
    assert record["parameters"]["n_trees"] == 100
    assert told(town)["snapshot/0"]["modes"] == {"gaussian": "decide", NAME: "shadow"}
    assert town.reports["fitted"][0][:2] == (NAME, 1)


def test_the_last_versions_are_kept_and_older_ones_are_gone_from_the_topic_and_the_shard(tmp_path: Path) -> None:
    town = town_with(tmp_path, isolation_forest="shadow")

    async def story() -> None:
        work: UserWork = await town.users()
        await teach(work.models, 11_000)
        assert work.scorer.version_of(NAME) == 5
        kept = [key for key, _ in work.shard.store.scan(b"v" + NAME.encode())]
        assert len(kept) == VERSIONS_KEPT
        await work.stop(gracefully=True)

    play(story)
    assert versions(town) == {3: False, 4: False, 5: True}


def test_a_pin_puts_an_older_version_back_until_it_is_released(tmp_path: Path) -> None:
    town, pins = town_with(tmp_path, isolation_forest="shadow"), Pins()
    town._more["pins"] = lambda: pins.current

    def pin(version: int | None) -> None:
        wanted = ModelPin(model=NAME, version=version or 1, by="a", time="")
        pins.take(f"pin/{NAME}".encode(), msgspec.json.encode(wanted) if version else None)

    async def story() -> None:
        work: UserWork = await town.users()
        await teach(work.models, 5_200)
        assert work.scorer.version_of(NAME) == 4
        pin(2)
        await work.tick()
        assert work.scorer.version_of(NAME) == 2
        assert versions(town) == {2: True, 3: False, 4: False}
        assert told(town)[f"{NAME}/0/2"]["pinned"]
        await teach(work.models, 6_000, seed=6)
        assert work.scorer.version_of(NAME) == 2
        await work.stop(gracefully=False)
        heir: UserWork = await town.users(disk="b")
        await heir.tick()
        assert heir.scorer.version_of(NAME) == 2
        pin(99)  # nobody keeps it
        town.monotonic.now_s += TICK_S
        await heir.tick()
        assert heir.scorer.version_of(NAME) == 2
        pin(None)
        await teach(heir.models, 4_200, seed=7)
        assert heir.scorer.version_of(NAME) == 5
        assert versions(town) == {3: False, 4: False, 5: True}
        assert not any(one.get("pinned") for one in told(town).values())
        await heir.stop(gracefully=True)

    play(story)


def test_a_snapshot_that_cannot_be_read_is_set_aside_and_counted(tmp_path: Path) -> None:
    town = town_with(tmp_path)

    async def story() -> None:
        work: UserWork = await town.users()
        await teach(work.models, 2_000)
        await work.models.save()
        raw = work.shard.store.get(MODELS_KEY) or b""
        work.shard.store.write({MODELS_KEY: raw[:-1] + b"?"}, work.shard.store.next_offset)
        await work.stop(gracefully=False)
        again: UserWork = await town.users()
        assert again.scorer.learned == 0
        assert town.reports["snapshot_unreadable"] == [("signature",)]
        await again.models.save()
        assert again.shard.store.get(ASIDE_KEY) == raw[:-1] + b"?"
        await again.stop(gracefully=True)

    play(story)


def test_a_snapshot_over_the_size_of_a_chunk_survives_a_kill(tmp_path: Path) -> None:
    modes: dict[str, Any] = dict.fromkeys(
        (NAME, "local_outlier_factor", "autoencoder", "loda", "half_space_trees"), "shadow"
    )
    town = town_with(tmp_path, **modes)

    async def story() -> None:
        work: UserWork = await town.users()
        noise = np.random.default_rng(1).random((9_000, WIDTH))
        for start in range(0, len(noise), 500):
            work.scorer.learn(noise[start : start + 500].tolist(), [True] * 500)
            await work.models.keep()
        await work.models.save()
        assert town.reports["snapshot"][-1][1] > CHUNK_BYTES
        before = work.scorer.score_matrix(strange_like(20)).tolist()
        await work.stop(gracefully=False)
        heir: UserWork = await town.users(disk="b")
        assert heir.scorer.score_matrix(strange_like(20)).tolist() == before
        await heir.stop(gracefully=False)

    play(story)


def strange_like(count: int) -> Matrix:
    return np.concatenate((strange_rows(count), strange_rows(count)), axis=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"pin/loda", b"{"),
        (b"pin/loda", b'{"model":"loda","version":0,"by":"a","time":""}'),
        (b"pin/loda", b'{"model":"gaussian","version":1,"by":"a","time":""}'),
        (b"pin/Loda!", b'{"model":"Loda!","version":1,"by":"a","time":""}'),
    ],
)
def test_a_pin_that_cannot_be_read_is_refused_and_the_others_stay(key: bytes, value: bytes) -> None:
    pins = Pins()
    pins.take(b"pin/autoencoder", b'{"model":"autoencoder","version":2,"by":"a","time":""}')
    with pytest.raises(ValueError, match="pin"):
        pins.take(key, value)
    assert pins.current == {"autoencoder": 2}


def test_pins_are_bounded_and_other_records_of_the_topic_are_no_pins() -> None:
    pins = Pins()
    pins.take(b"loda/0/1", b"{}")
    pins.take(None, b"{}")
    pins.take(b"pin/gone", None)
    before: Mapping[str, int] = pins.current
    assert before == {}
    for number in range(PINS_MOST):
        pin = ModelPin(model=f"m{number}", version=1, by="a", time="")
        pins.take(f"pin/m{number}".encode(), msgspec.json.encode(pin))
    with pytest.raises(ValueError, match="already"):
        pins.take(b"pin/more", b'{"model":"more","version":1,"by":"a","time":""}')
    assert len(pins.current) == PINS_MOST
