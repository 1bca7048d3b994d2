"""The pages of rules, on a real server and broker."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from argus.console.rule_text import record_of
from core.records import RuleDefinition
from tests.argus.api.running import Running
from tests.argus.store.records import Raw, rows
from tests.console.surfing import Surfer

pytestmark = pytest.mark.broker
EVIL = "</textarea><script>alert(1)</script>"
RULE = "id: {id}\ntitle: A rule\ntypes: [transaction]\nseverity: LOW\nmode: shadow\nwhen: {{field: usd, gte: 5}}\n"


@pytest.fixture(scope="module")
def ann(served: Running) -> Surfer:
    return Surfer(served).log_in("ann")


@pytest.fixture(scope="module")
def root(served: Running) -> Surfer:
    return Surfer(served).log_in("root")


def keep(served: Running, rule_id: str, text: str) -> None:
    """As the sink does."""
    served.write(rows("rules", [Raw(record_of(rule_id, text), key=rule_id.encode())]))


def on_topic(served: Running, name: str, partitions: int) -> list[Any]:
    async def read() -> list[Any]:
        topic = served.settings.topic(name)
        consumer = AIOKafkaConsumer(bootstrap_servers=served.settings.broker, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
            found: list[Any] = []
            for _ in range(4):
                fetched = await consumer.getmany(timeout_ms=300)
                found += [record for records in fetched.values() for record in records]
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_the_list_has_all_rules_and_can_be_filtered(served: Running, ann: Surfer) -> None:
    keep(served, "listed", RULE.format(id="listed"))
    ann.get("/rules")
    assert "Impossible travel" in ann.text
    assert "listed" in ann.text
    ann.get("/rules?origin=own&mode=shadow&text=LISTED&severity=")
    assert "1 of" in ann.text
    assert ann.get("/rules?mode=on").status == 400


def test_a_rule_of_the_book_shows_its_examples_and_thresholds(served: Running, ann: Surfer) -> None:
    ann.get("/rules/impossible_travel")
    assert "Holds" in ann.text
    assert "Fails" not in ann.text
    assert "ARGUS_RULE_IMPOSSIBLE_TRAVEL_MODE" in ann.text
    assert ann.get("/rules/nothing").status == 404


def test_an_analyst_sees_a_rule_and_changes_none(served: Running, ann: Surfer) -> None:
    keep(served, "readonly", RULE.format(id="readonly") + f"# {EVIL}\n")
    ann.get("/rules/readonly")
    assert EVIL not in ann.html
    assert not [form for form in ann.forms() if form.action.startswith("/rules")]
    csrf = ann.form("/logout").fields
    for path in ("/rules/readonly", "/rules/readonly/mode", "/rules/readonly/delete", "/rules/-/new"):
        assert ann.post(path, {**csrf, "text": "x", "mode": "live"}).status == 403


def test_a_wrong_rule_is_refused_with_its_line_and_the_text_stays(served: Running, root: Surfer) -> None:
    keep(served, "mine", RULE.format(id="mine"))
    root.get("/rules/mine")
    wrong = RULE.format(id="mine").replace("usd", "uds") + f"# {EVIL}\n"
    assert root.submit("/rules/mine", text=wrong).status == 422
    assert "Line 6, column 15" in root.text
    assert root.form("/rules/mine").fields["text"].strip() == wrong.strip()
    assert EVIL not in root.html
    root.get("/rules/mine")
    assert "uds" not in root.form("/rules/mine").fields["text"]


def test_a_rule_that_is_saved_goes_to_the_workers_and_into_the_audit(served: Running, root: Surfer) -> None:
    root.get("/rules/-/new")
    text = RULE.format(id="fresh") + "# as I wrote it\n"
    root.submit("/rules/-/new", text=text, do="save")
    # Nothing takes the topic into the database here: what would be shown is said instead.
    assert root.at == "/rules/fresh"
    (record,) = [one for one in on_topic(served, "rules", 1) if one.key == b"fresh"]
    assert msgspec.json.decode(record.value, type=RuleDefinition) == RuleDefinition(rule_id="fresh", text=text)
    (note,) = [
        told
        for one in on_topic(served, "audit-notes", served.settings.partitions)
        if (told := msgspec.json.decode(one.value))["subject"] == "rule:fresh"
    ]
    assert (note["action"], note["by"]) == ("rule.create", "root")


def test_without_the_sessions_token_nothing_is_changed(served: Running, root: Surfer) -> None:
    keep(served, "kept", RULE.format(id="kept"))
    for path in ("/rules/kept", "/rules/kept/mode", "/rules/kept/delete", "/rules/-/new"):
        assert root.post(path, {"text": RULE.format(id="kept"), "mode": "live"}).status == 403
        evil = {"csrf_token": "0" * 64, "text": "x", "mode": "off"}
        assert root.post(path, evil, headers={"Origin": "https://evil.example"}).status == 403
    assert [one for one in on_topic(served, "rules", 1) if one.key == b"kept"] == []


def test_a_mode_that_there_is_not_is_refused_and_so_is_a_rule_of_the_book(served: Running, root: Surfer) -> None:
    keep(served, "modes", RULE.format(id="modes"))
    root.get("/rules/modes")
    assert root.submit("/rules/modes/mode", mode="loud").status == 400
    fields = root.get("/rules/modes") and root.form("/rules/modes/mode").fields
    assert root.post("/rules/impossible_travel/mode", fields).status == 404
