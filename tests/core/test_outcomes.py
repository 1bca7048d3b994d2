from core.outcomes import ANSWERS_KEPT, ENTRY_BYTES, Answer, Answered, command_key, note, recall
from core.records import Command

START = 1_772_442_000_000


def asked(command_id: str = "c1") -> Command:
    return Command(command_id=command_id, type="lock", user_id="u1", by="anna", role="admin", time=START)


def test_every_answer_has_a_sentence_and_a_status() -> None:
    for answer in Answer:
        outcome = Answered(answer, 3, START).outcome(asked())
        assert outcome.status in ("done", "refused")
        assert len(outcome.reason) > 10
        assert "{" not in outcome.reason
    assert Answered(Answer.CODE_WRONG, 3, START).outcome(asked()).reason == "The code is wrong; tries left: 3"


def test_an_answer_is_remembered_to_the_letter() -> None:
    answered = Answered(Answer.CODE_WRONG, 4, START)
    memory = note(b"", command_key("c1"), answered)
    assert recall(memory, command_key("c1")) == answered
    assert recall(memory, command_key("c2")) is None
    assert recall(b"", command_key("c1")) is None


def test_the_last_32_are_remembered() -> None:
    memory = b""
    for number in range(40):
        memory = note(memory, command_key(str(number)), Answered(Answer(number % 20), number, START + number))
    assert len(memory) == ANSWERS_KEPT * ENTRY_BYTES
    assert recall(memory, command_key("7")) is None
    for number in range(8, 40):
        assert recall(memory, command_key(str(number))) == Answered(Answer(number % 20), number, START + number)


def test_bytes_that_straddle_two_answers_are_no_command() -> None:
    memory = note(b"", b"A" * 8, Answered(Answer.LOCKED, 0x42, 0x424242424242))
    memory = note(memory, b"BCCCCCCC", Answered(Answer.LOCKED, 0, 0))
    assert b"B" * 8 in memory
    assert recall(memory, b"B" * 8) is None
    assert recall(memory, b"BCCCCCCC") is not None
