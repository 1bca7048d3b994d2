import ast
from collections import defaultdict
from pathlib import Path

import pytest

import simulation
from core.records import EVENT_TYPES
from simulation.attacks import ATTACKS, UNNAMED
from simulation.config import INTENSITIES, Config, Labelled
from simulation.stream import generate

ALLOWED = ("core.clock", "core.records", "simulation")


def campaigns(stream: list[Labelled]) -> dict[str, list[Labelled]]:
    found = defaultdict(list)
    for labelled in stream:
        if labelled.campaign and not labelled.repeat:
            found[labelled.campaign].append(labelled)
    return found


@pytest.mark.parametrize("intensity", INTENSITIES)
def test_every_attack_comes_at_every_intensity(intensity: str) -> None:
    seen = {one.attack for one in generate(Config(users=80, days=20, seed=3, intensity=intensity)) if one.attack}
    assert seen == set(UNNAMED)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_that_is_named_comes_alone(attack: str) -> None:
    stream = list(generate(Config(users=60, days=6, seed=4, attacks=(attack,))))
    assert {one.attack for one in stream} == {attack, None}
    for labelled in stream:
        assert (labelled.label == "fraud") == (labelled.attack is not None) == (labelled.campaign is not None)
        assert labelled.event["type"] in EVENT_TYPES


def test_attackers_make_about_their_share() -> None:
    stream = list(generate(Config(users=400, days=30, seed=9, attack_share=0.05)))
    share = sum(one.label == "fraud" for one in stream) / len(stream)
    assert 0.03 < share < 0.08


def test_patient_attackers_take_longer() -> None:
    def span_ms(intensity: str) -> float:
        config = Config(users=60, days=25, seed=8, intensity=intensity, attacks=("account_takeover",))
        spans = [
            max(one.time_ms for one in of) - min(one.time_ms for one in of)
            for of in campaigns(list(generate(config))).values()
        ]
        return sorted(spans)[len(spans) // 2]

    spans = [span_ms(intensity) for intensity in ("blatant", "typical", "low", "stealth")]
    assert spans == sorted(spans)
    assert spans[0] < 10 * 60_000
    assert spans[3] > 2 * 3_600_000


def test_campaigns_of_one_attack_differ() -> None:
    for attack in ("login_brute_force", "card_testing", "password_spray"):
        runs = campaigns(list(generate(Config(users=60, days=25, seed=8, attacks=(attack,), attack_share=0.2))))
        assert len(runs) >= 4
        assert len({len(of) for of in runs.values()}) >= 3
        assert len({of[0].event["ip"] for of in runs.values()}) == len(runs)


def test_a_takeover_ends_with_money_to_a_payee_never_paid(fortnight: list[Labelled]) -> None:
    honest = {one.event.get("payee_id") for one in fortnight if one.label == "legit"}
    chains = [of for of in campaigns(fortnight).values() if of[0].attack == "account_takeover"]
    assert chains
    for of in chains:
        types = [one.event["type"] for one in sorted(of, key=lambda one: one.time_ms)]
        assert types[-1] == "payout"
        assert {"password_change", "profile_change", "mfa_change"} & set(types)
        assert not honest & {one.event["payee_id"] for one in of if one.event["type"] == "payout"}


def test_stuffing_from_one_address_tries_many_accounts(fortnight: list[Labelled]) -> None:
    runs = [of for of in campaigns(fortnight).values() if of[0].attack == "credential_stuffing"]
    assert runs
    for of in runs:
        assert len({one.event["ip"] for one in of}) == 1
        assert len({one.event["user_id"] for one in of}) > 0.5 * len(of)


def test_a_hijacked_session_is_one_that_its_owner_opened(fortnight: list[Labelled]) -> None:
    honest = {one.event.get("session_id"): one.event["user_id"] for one in fortnight if one.label == "legit"}
    stolen = [one for one in fortnight if one.attack == "session_hijack"]
    assert stolen
    assert all(honest[one.event["session_id"]] == one.event["user_id"] for one in stolen)


def test_nothing_here_knows_a_rule() -> None:
    for source in Path(simulation.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            for name in names:
                if name.partition(".")[0] in {"core", "models", "tables", "agents", "argus", "simulation"}:
                    assert name.startswith(ALLOWED), f"{source.name} imports {name}"
