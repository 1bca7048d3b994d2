import io
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import simulation
from core.detect import judge
from core.events import FUTURE_MS, Rejected, decode_action, nowhere
from core.policy import Policy
from core.records import encode
from core.rules.book import RuleBook
from core.state import UserState
from simulation.config import Config, Labelled
from simulation.stream import generate, live, write

ROOT = Path(simulation.__file__).parent.parent
START_MS = 1_780_000_000_000


def written(config: Config) -> tuple[str, str, str]:
    out, labels, feedback = io.StringIO(), io.StringIO(), io.StringIO()
    write(config, out, labels, None, feedback)
    return out.getvalue(), labels.getvalue(), feedback.getvalue()


def test_the_same_config_gives_the_same_bytes() -> None:
    config = Config(users=120, events=6_000, seed=5)
    assert written(config) == written(config)
    assert written(config) != written(replace(config, seed=6))


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import sys; from simulation.config import Config; from simulation.stream import write;"
        "write(Config(users=40, events=3000, seed=2), sys.stdout)"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"\n") == 3_000


@pytest.mark.parametrize(("users", "events"), [(1, 50), (5, 2_000), (300, 1), (300, 7_001)])
def test_as_many_events_come_as_were_asked_for(users: int, events: int) -> None:
    assert sum(1 for _ in generate(Config(users=users, events=events))) == events


def test_days_end_when_they_are_over() -> None:
    config = Config(users=50, days=2.5)
    arrived = [labelled.arrival_ms for labelled in generate(config)]
    assert arrived[-1] < config.start_ms + 2.5 * 86_400_000
    assert arrived[-1] > config.start_ms + 2.3 * 86_400_000


def test_every_event_can_be_read(fortnight: list[Labelled]) -> None:
    for labelled in fortnight:
        action = decode_action(encode(labelled.event), now_ms=labelled.arrival_ms, locate=nowhere)
        assert action.time_ms == labelled.time_ms
        # Money that moves by itself comes from nowhere.
        assert action.country is not None or action.type == "deposit" or action.network is None


def test_events_come_in_order_of_arrival_some_late_and_some_twice(fortnight: list[Labelled]) -> None:
    arrivals = [labelled.arrival_ms for labelled in fortnight]
    assert arrivals == sorted(arrivals)
    delays = [labelled.arrival_ms - labelled.time_ms for labelled in fortnight]
    assert min(delays) > 0
    assert max(delays) < 24 * 3_600_000
    count = len(fortnight)
    assert 0.9 < sum(delay < 1_000 for delay in delays) / count < 0.97
    assert 0.002 < sum(delay > 60_000 for delay in delays) / count < 0.03
    assert any(delay > 3_600_000 for delay in delays)
    assert 0.001 < sum(labelled.repeat for labelled in fortnight) / count < 0.01


def test_an_id_is_one_event_and_a_repeat_is_the_same_bytes(fortnight: list[Labelled]) -> None:
    seen: dict[str, bytes] = {}
    for labelled in fortnight:
        raw, event_id = encode(labelled.event), labelled.event["event_id"]
        assert labelled.repeat == (event_id in seen)
        assert seen.setdefault(event_id, raw) == raw


def test_an_event_does_not_tell_that_it_is_an_attack(fortnight: list[Labelled]) -> None:
    names = {labelled.attack for labelled in fortnight if labelled.attack}
    for labelled in fortnight:
        if labelled.attack:
            text = encode(labelled.event).decode()
            assert not any(name in text for name in names)
            assert "fraud" not in text


def test_normal_life_is_the_same_whoever_attacks(fortnight: list[Labelled], quiet: list[Labelled]) -> None:
    def lives(stream: list[Labelled]) -> list[dict[str, object]]:
        return [{**one.event, "event_id": ""} for one in stream if one.label == "legit"]

    assert lives(fortnight) == lives(quiet)


def test_the_mix_is_that_of_a_shop_and_bank(quiet: list[Labelled]) -> None:
    share = {type_: n / len(quiet) for type_, n in Counter(one.event["type"] for one in quiet).items()}
    assert 0.5 < share["page_view"] < 0.6
    assert 0.13 < share["login"] < 0.18
    assert 0.14 < share["transaction"] < 0.21
    assert set(share) == {
        "signup", "login", "logout", "otp", "mfa_change", "password_change", "profile_change", "page_view",
        "transaction", "payout", "deposit",
    }  # fmt: skip
    assert 200 * 14 * 8 < len(quiet) < 200 * 14 * 30


class Hands:
    """A clock that the test moves."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def watch(config: Config, rate: float, seconds: int, step_ms: int = 500) -> list[tuple[int, Labelled]]:
    clock = Hands(START_MS)
    stream = live(config, rate, clock)
    arrived = []
    for _ in range(seconds * 1_000 // step_ms):
        arrived += [(clock.now_ms, labelled) for labelled in next(stream)]
        clock.now_ms += step_ms
    return arrived


def test_live_events_happen_now_at_the_rate() -> None:
    arrived = watch(Config(users=100, attacks=(), run="r1"), 20, 600)
    assert 0.85 < len(arrived) / (20 * 600) < 1.15
    for now_ms, labelled in arrived:
        assert labelled.time_ms <= now_ms
        assert labelled.time_ms > START_MS - 12 * 3_600_000
        decode_action(encode(labelled.event), now_ms=now_ms - FUTURE_MS, locate=nowhere)


@pytest.mark.parametrize("seed", range(5))
def test_a_live_attack_begins_within_seconds_and_others_follow(seed: int) -> None:
    arrived = watch(Config(users=100, seed=seed, run="r1"), 10, 300)
    frauds = [(now_ms, labelled) for now_ms, labelled in arrived if labelled.label == "fraud"]
    assert frauds[0][0] - START_MS < 25_000
    assert len({labelled.campaign for _, labelled in frauds}) >= 4


@pytest.mark.parametrize("seed", range(3))
def test_whoever_watches_a_live_run_begin_sees_a_lock_within_half_a_minute(seed: int) -> None:
    arrived = watch(Config(users=100, seed=seed, run="r1"), 10, 30)
    users: dict[str, UserState] = {}
    actions = [decode_action(encode(one.event), now_ms=None, locate=nowhere) for _, one in arrived]
    judged = judge(actions, users, book=RuleBook(), policy=Policy())
    assert {"HIGH", "CRITICAL"} <= {alert.severity for alert in judged.alerts}
    locked = {lock.user_id for lock in judged.locks if lock.state == "locked"}
    assert locked & {one.event["user_id"] for _, one in arrived if one.label == "fraud"}


def test_two_live_runs_share_no_event_or_session_id() -> None:
    first, second = (watch(Config(users=100, run=run), 10, 60) for run in ("a", "b"))
    for field in ("event_id", "session_id"):
        ids = [{one.event[field] for _, one in run if field in one.event} for run in (first, second)]
        assert ids[0]
        assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"users": 0},
        {"days": 0},
        {"days": float("nan")},
        {"events": 0},
        {"attacks": ("nothing",)},
        {"intensity": "mild"},
        {"attack_share": 0},
    ],
)
def test_a_wrong_config_is_one_clear_line(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        Config(**wrong)  # type: ignore[arg-type]


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="days or events"):
        next(generate(Config()))


def test_a_broken_record_would_be_noticed() -> None:
    with pytest.raises(Rejected):
        decode_action(encode({"type": "login"}), now_ms=None, locate=nowhere)


def test_progress_adds_up_to_the_events() -> None:
    steps: list[int] = []
    count = write(Config(users=50, events=4_321), io.StringIO(), progress=steps.append)
    assert sum(steps) == count == 4_321
