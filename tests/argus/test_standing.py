"""What the audit is told to be in force."""

from pathlib import Path

import msgspec

from agents.rules import LiveRules
from argus.rule_files import compiler, read_definition
from argus.settings import MASK, Settings
from argus.standing import Standing
from core.policy import Policy
from core.rules.book import RuleBook
from tests.agents.household import Reports

RULE = """
rule_id: big
title: Big payment
severity: HIGH
types: [transaction]
when: {field: amount, gt: %d}
"""


def rules() -> LiveRules:
    return LiveRules(compiler(RuleBook()), read_definition, Reports(), {})


def definition(limit: int) -> bytes:
    return msgspec.json.encode({"rule_id": "big", "text": RULE % limit})


def test_settings_that_differ_from_their_defaults_are_told_and_secrets_masked(tmp_path: Path) -> None:
    settings = Settings(
        secret="s3cret",
        database_url="postgresql://argus:pw@host/argus",
        data_dir=tmp_path,
        policy=Policy(block_score_threshold=77.0),
    )
    told = Standing(settings, rules())()
    assert told == {"ARGUS_SECRET": MASK, "ARGUS_DATABASE_URL": MASK, "ARGUS_BLOCK_SCORE_THRESHOLD": "77.0"}


def test_a_rule_is_told_by_its_hash_which_changes_with_what_it_says() -> None:
    live = rules()
    standing = Standing(Settings(), live)
    before = standing()
    assert before == {}
    assert standing() is before
    live.take(b"big", definition(100))
    first = standing()
    assert list(first) == ["rule:big"]
    live.take(b"big", definition(100))
    assert standing() == first
    live.take(b"big", definition(200))
    assert standing()["rule:big"] != first["rule:big"]
    live.take(b"big", None)
    assert standing() == {}
