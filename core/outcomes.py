"""The answers to commands: a closed list, and a user's memory of those given, so that a command that comes again gets
the very same one."""

from enum import IntEnum
from hashlib import blake2b
from typing import Final, Literal

from msgspec import Struct

from core.clock import rfc3339
from core.records import Command, Outcome

ANSWERS_KEPT: Final = 32
KEY_BYTES: Final = 8
TIME_BYTES: Final = 6
ENTRY_BYTES: Final = KEY_BYTES + 2 + TIME_BYTES

Status = Literal["done", "refused"]


class Answer(IntEnum):
    """What can be said of a command. Kept in users' states by number: add at the end, change none."""

    LOCKED = 0
    LOCKED_ALREADY = 1
    UNLOCKED = 2
    NOT_LOCKED = 3
    ESCALATED = 4
    NOT_CHALLENGED = 5
    ROLE = 6
    NOT_OWN = 7
    UNTIL_PASSED = 8
    CODE_SENT = 9
    TOO_MANY_CODES = 10
    CONFIRMED = 11
    NO_CODE = 12
    CODE_EXPIRED = 13
    CODE_WRONG = 14
    CODE_VOID = 15
    ADMIN_LOCK = 16
    NO_OTP_HASH = 17
    DISPUTED = 18
    NO_ALERT = 19


_DONE: Final = frozenset(
    {
        Answer.LOCKED,
        Answer.LOCKED_ALREADY,
        Answer.UNLOCKED,
        Answer.ESCALATED,
        Answer.CODE_SENT,
        Answer.CONFIRMED,
        Answer.DISPUTED,
    }
)
_TEXTS: Final = {
    Answer.LOCKED: "The user is locked",
    Answer.LOCKED_ALREADY: "The user was locked as strictly before",
    Answer.UNLOCKED: "The user is unlocked",
    Answer.NOT_LOCKED: "There is nothing to unlock",
    Answer.ESCALATED: "The challenge is a lock now",
    Answer.NOT_CHALLENGED: "There is no challenge to escalate",
    Answer.ROLE: "The role may not ask for this",
    Answer.NOT_OWN: "A member may ask for their own account only",
    Answer.UNTIL_PASSED: "until is not after the command's time",
    Answer.CODE_SENT: "A code is on its way, valid for 5 minutes",
    Answer.TOO_MANY_CODES: "Too many codes were sent in the last 15 minutes",
    Answer.CONFIRMED: "The code is right; nothing was locked",
    Answer.NO_CODE: "There is no code to check: ask for one",
    Answer.CODE_EXPIRED: "The code is over 5 minutes old: ask for another",
    Answer.CODE_WRONG: "The code is wrong; tries left: {number}",
    Answer.CODE_VOID: "The code was guessed wrong too often and is void: ask for another",
    Answer.ADMIN_LOCK: "The code is right, but an admin has locked the account and only an admin can unlock it",
    Answer.NO_OTP_HASH: "otp_hash is missing",
    Answer.DISPUTED: "The dispute is noted and the account is locked",
    Answer.NO_ALERT: "alert_id is missing",
}


class Answered(Struct, frozen=True, gc=False):
    """An answer as it was given. number: what its text says besides; time_ms: of the command."""

    answer: Answer
    number: int
    time_ms: int

    @property
    def status(self) -> Status:
        return "done" if self.answer in _DONE else "refused"

    def outcome(self, command: Command) -> Outcome:
        """The record for the command that it answers."""
        return Outcome(
            command_id=command.command_id,
            user_id=command.user_id,
            status=self.status,
            reason=_TEXTS[self.answer].format(number=self.number),
            time=rfc3339(self.time_ms),
        )


def command_key(command_id: str) -> bytes:
    """The 8 bytes by which repeats of a command are recognised."""
    return blake2b(command_id.encode(), digest_size=KEY_BYTES).digest()


def recall(answers: bytes, key: bytes) -> Answered | None:
    """The answer that the command with this key got, if it is among the user's last `ANSWERS_KEPT`."""
    for at in range(0, len(answers), ENTRY_BYTES):
        if answers.startswith(key, at):
            code, number, *time = answers[at + KEY_BYTES : at + ENTRY_BYTES]
            return Answered(Answer(code), number, int.from_bytes(bytes(time), "big"))
    return None


def note(answers: bytes, key: bytes, answered: Answered) -> bytes:
    """The memory with one more answer in it."""
    entry = key + bytes((answered.answer, answered.number)) + answered.time_ms.to_bytes(TIME_BYTES, "big")
    return (answers + entry)[-ANSWERS_KEPT * ENTRY_BYTES :]
