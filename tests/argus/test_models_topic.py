"""`argus models`: what it reads from the topic and says, and what it writes there."""

import asyncio
import json
import uuid

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from agents.pins import Pins
from argus.audit_topic import consumer_of, partitions_of, records
from argus.cli import run
from argus.kafka_access import access_of
from argus.models_topic import read, registry_of
from argus.settings import Settings
from argus.topics import ensure_topics
from core.audit import Entry
from core.audited import NOTES, told_entry
from core.model_records import Earned, LabelSnapshot, ModelDrift, ModelSnapshot, ModelVersion
from core.records import encode

NAME = "isolation_forest"
TIME = "2026-03-02T12:00:00.000Z"


def version(number: int, partition: int = 0, *, in_force: bool = False) -> ModelVersion:
    return ModelVersion(
        model=NAME, partition=partition, version=number, in_force=in_force, pinned=False, mode="shadow",
        parameters={"n_trees": 100}, features=("amount_ratio", "travel"), trained_rows=4_096, learned=9_000 * number,
        trained_from=TIME, trained_to=TIME, fitted=TIME, seconds=0.31, auc=0.9, tainted=200,
    )  # fmt: skip


SNAPSHOT = ModelSnapshot(
    partition=0,
    modes={"gaussian": "decide", NAME: "shadow"},
    learned=12_345,
    bytes=1,
    sha256="",
    libraries={},
    time=TIME,
)
GROWN = "random_forest"
LABELS = LabelSnapshot(
    partition=0,
    modes={GROWN: "decide", "logistic_regression": "decide"},
    features=("merchant_risk", "rules_risk"),
    frauds=75,
    rows=4_000,
    lessons=9,
    speaking=("logistic_regression",),
    earned={GROWN: Earned(frauds=40, caught=30, silent=2_000, raised=20, trust=0.6)},
    bytes=1,
    sha256="",
    libraries={},
    time=TIME,
)
GROWN_VERSION = msgspec.structs.replace(
    version(4, in_force=True), model=GROWN, mode="decide", auc=None, tainted=0, frauds=70, features=LABELS.features
)
DRIFT = ModelDrift(model="gaussian", partition=1, signal="scores", times=2, mean=0.61, time=TIME)
HELD: dict[bytes, bytes | None] = {
    f"{NAME}/0/1".encode(): encode(version(1)),
    f"{NAME}/0/2".encode(): encode(version(2, in_force=True)),
    f"{NAME}/1/2".encode(): encode(version(2, partition=1, in_force=True)),
    f"{NAME}/0/0".encode(): None,
    b"snapshot/0": encode(SNAPSHOT),
    b"labels/0": encode(LABELS),
    f"{GROWN}/0/4".encode(): encode(GROWN_VERSION),
    b"drift/gaussian/1/scores": encode(DRIFT),
    b"odd": b"{",
}


def test_records_are_told_apart_and_what_cannot_be_read_costs_nothing_else() -> None:
    registry = registry_of({key: value for key, value in HELD.items() if value is not None})
    assert [(one.partition, one.version) for one in registry.versions[NAME]] == [(0, 1), (0, 2), (1, 2)]
    assert [one.partition for one in registry.in_force(NAME)] == [0, 1]
    assert registry.snapshots == [SNAPSHOT]
    assert registry.labels == [LABELS]
    assert registry.drifts == [DRIFT]
    assert registry.unreadable == ["odd"]


@pytest.fixture
def settings(bootstrap: str) -> Settings:
    """Of topics with the records above."""
    given = Settings(topic_prefix=f"t{uuid.uuid4().hex}.", broker=bootstrap)

    async def filled() -> None:
        await ensure_topics(bootstrap, given)
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        for key, value in HELD.items():
            await producer.send_and_wait(given.topic("models"), value, key=key, partition=0)
        await producer.stop()

    asyncio.run(filled())
    return given


@pytest.fixture
def said(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Runs `argus models` and answers status, what it said, and what went wrong."""
    monkeypatch.setenv("ARGUS_TOPIC_PREFIX", settings.topic_prefix)

    def call(*args: str) -> tuple[int, str, str]:
        status = run(["models", *args, "--broker", settings.broker])
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


async def noted(settings: Settings) -> list[Entry]:
    """What the audit is told."""
    access, topic = access_of(settings), settings.topic(NOTES)
    (partitions,) = await partitions_of(settings.broker, access, topic)
    async with consumer_of(settings.broker, access) as consumer:
        return [
            told_entry(record.value)
            for partition in partitions
            async for record in records(consumer, topic, partition)
        ]


@pytest.mark.broker
def test_list_tells_every_model_with_its_mode_and_versions(said: object) -> None:
    status, out, _ = said("list", "--json")  # type: ignore[operator]
    models = {one["model"]: one for one in json.loads(out)}
    assert status == 0
    assert len(models) == 11
    assert (models[GROWN]["mode"], models["adaptive_random_forest"]["mode"]) == ("decide", "off")
    assert models[GROWN]["quality"] == {"recall": 0.75, "false_alarms": 0.01, "trust": 0.6}
    assert models[GROWN]["warm"] == {"partitions": 0, "of": 1}
    assert models["gaussian"]["drifts"][0]["mean"] == 0.61
    assert models["gaussian"]["warm"] is None
    assert (models[NAME]["mode"], models["loda"]["mode"], models["gaussian"]["mode"]) == ("shadow", "off", "decide")
    assert models["gaussian"]["learned"] == 12_345
    assert [one["version"] for one in models[NAME]["versions"]] == [1, 2, 2]
    status, out, _ = said("list")  # type: ignore[operator]
    assert status == 0
    assert "0: 2, 1: 2" in out
    assert "decide, warming up (0/1)" in out
    assert "75 frauds" in out
    assert "recall 0.75" in out


@pytest.mark.broker
def test_show_tells_what_a_model_earned_by_labels_and_where_it_drifts(said: object) -> None:
    status, out, _ = said("show", GROWN)  # type: ignore[operator]
    assert status == 0
    assert "75 frauds were known" in out
    assert "75% of the frauds" in out
    assert "1.00% of what nobody disputed; trust 0.60" in out
    assert "70 frauds known" in out
    assert "Features: merchant_risk, rules_risk." in out
    assert "in 0 of 1 partitions" in out
    _, out, _ = said("show", "gaussian")  # type: ignore[operator]
    assert "Drift of its scores in partition 1" in out
    assert "0.610 from then on" in out


@pytest.mark.broker
def test_show_tells_what_a_version_was_fitted_on_when_and_how_good_it_is(said: object) -> None:
    status, out, _ = said("show", NAME)  # type: ignore[operator]
    assert status == 0
    assert "4,096 rows of 18,000 events" in out
    assert "AUC 0.900 on 200 tainted events" in out
    assert "amount_ratio, travel" in out


@pytest.mark.broker
def test_rollback_pins_a_version_that_is_kept_and_release_lets_it_go(said: object, settings: Settings) -> None:
    status, out, _ = said("rollback", NAME, "1", "--by", "ann", "--reason", "misses cards")  # type: ignore[operator]
    assert status == 0
    assert "version 1 in partition 0" in out
    pin = asyncio.run(read(settings)).pins[NAME]
    assert (pin.version, pin.by) == (1, "ann")
    pins = Pins()
    pins.take(f"pin/{NAME}".encode(), msgspec.json.encode(pin))
    assert pins.current == {NAME: 1}
    assert said("rollback", NAME, "2", "--by", "bob")[0] == 0  # type: ignore[operator]
    assert said("release", NAME, "--by", "ann")[0] == 0  # type: ignore[operator]
    assert asyncio.run(read(settings)).pins == {}
    notes = asyncio.run(noted(settings))
    assert [(entry.subject, entry.action) for entry in notes] == [(f"model_pin:{NAME}", "configuration.change")] * 3
    assert [(entry.by, entry.reason, entry.details) for entry in notes] == [
        ("ann", "misses cards", {"before": None, "after": "1"}),
        ("bob", "", {"before": "1", "after": "2"}),
        ("ann", "", {"before": "2", "after": None}),
    ]
    assert notes[0].time == pin.time
    status, _, err = said("release", NAME)  # type: ignore[operator]
    assert (status, err.count("\n")) == (1, 1)
    assert "not pinned" in err


@pytest.mark.broker
def test_a_version_that_nobody_keeps_is_refused_with_those_that_there_are(said: object, settings: Settings) -> None:
    status, _, err = said("rollback", NAME, "7")  # type: ignore[operator]
    assert status == 1
    assert "there are 1, 2" in err
    status, _, err = said("rollback", "loda", "1")  # type: ignore[operator]
    assert "it has none" in err
    assert asyncio.run(read(settings)).pins == {}


def test_a_broker_that_does_not_answer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "list", "--broker", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
