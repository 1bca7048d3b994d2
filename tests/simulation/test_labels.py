import io
import json

from simulation.config import Config, Labelled
from simulation.feedback import feedback
from simulation.stream import write


def test_each_event_has_one_label() -> None:
    out, labels = io.StringIO(), io.StringIO()
    write(Config(users=100, events=8_000, seed=2), out, labels)
    ids = {json.loads(line)["event_id"] for line in out.getvalue().splitlines()}
    truths = [json.loads(line) for line in labels.getvalue().splitlines()]
    assert len(truths) == len(ids)
    assert {truth["event_id"] for truth in truths} == ids
    for truth in truths:
        assert set(truth) == {"event_id", "user_id", "label", "attack", "campaign", "intensity", "trap"}
        assert truth["label"] == ("fraud" if truth["attack"] else "legit")
        assert (truth["attack"] is None) == (truth["campaign"] is None) == (truth["intensity"] is None)


def test_feedback_comes_after_its_event_and_in_order(fortnight: list[Labelled]) -> None:
    records = list(feedback(fortnight, Config(users=200, days=14, seed=11)))
    arrived = {one.event["event_id"]: one for one in fortnight if not one.repeat}
    times = [record["time"] for record in records]
    assert times == sorted(times)
    assert len({record["feedback_id"] for record in records}) == len(records)
    assert {record["source"] for record in records} == {"dispute", "analyst", "chargeback", "otp"}
    for record in records:
        about = arrived[record["event_id"]]
        assert record["label"] == about.label
        assert record["user_id"] == about.event["user_id"]


def test_most_frauds_with_money_come_to_light_but_not_all(fortnight: list[Labelled]) -> None:
    said = {record["event_id"] for record in feedback(fortnight, Config(users=200, days=14, seed=11))}
    money = [
        one.event["event_id"] in said
        for one in fortnight
        if one.label == "fraud" and not one.repeat and one.event["type"] in ("transaction", "payout")
        and one.event.get("outcome") != "failure"
    ]  # fmt: skip
    assert 0.55 < sum(money) / len(money) < 0.85
