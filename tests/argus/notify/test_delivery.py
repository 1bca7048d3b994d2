"""One-time passwords and notices to the users themselves."""

import json
import logging
import stat
from pathlib import Path

import pytest

from argus.notify.delivery import MemberSender, OtpSender, Outlet, append
from argus.notify.sending import Failed, Threads
from argus.settings import SettingsError
from core.notices import Message
from core.otp import code
from tests.argus.notify.receivers import Receiver

KEY = b"k" * 32
EXPIRES = 1_770_000_300_000
OTP = Message("n", "otp", "HIGH", "", "", "a/b?x=y&z", 0, 0, {"command_id": "o1", "expires_ms": EXPIRES})
CODE = code(KEY, "a/b?x=y&z", "o1")


async def test_by_log_it_is_one_line_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await OtpSender(Outlet("otp_delivery", "log", Threads(1)), KEY).send(OTP)
    [record] = caplog.records
    assert CODE in record.getMessage()
    assert "otp_delivery is `log`" in record.getMessage()


async def test_by_file_it_is_a_line_that_only_its_owner_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "otp.jsonl"
    path.touch(0o644)
    sender = OtpSender(Outlet("otp_delivery", f"file:{path}", Threads(1)), KEY)
    with caplog.at_level(logging.DEBUG):
        await sender.send(OTP)
        await sender.send(OTP)
    line = {"user_id": "a/b?x=y&z", "code": CODE, "expires": "2026-02-02T02:45:00.000Z"}
    assert [json.loads(text) for text in path.read_text().splitlines()] == [line, line]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CODE not in caplog.text


async def test_by_apprise_the_user_is_in_the_url_and_cannot_leave_its_place(inbox: Receiver) -> None:
    target = inbox.url.replace("http", "json") + "/to/{user_id}"
    outlet = Outlet("otp_delivery", target, Threads(1))
    await OtpSender(outlet, KEY).send(OTP)
    [request] = inbox.requests
    assert request.path.startswith("/to/a%2Fb%3Fx=y&z")
    assert CODE in request.json["message"]
    inbox.status = 500
    with pytest.raises(Failed) as error:
        await OtpSender(outlet, KEY).send(OTP)
    assert CODE not in str(error.value)


async def test_a_member_is_told_by_file(tmp_path: Path) -> None:
    path = tmp_path / "members.jsonl"
    message = Message("n", "members", "HIGH", "Locked", "Text", "u1", 0, 0, {"state": "locked"})
    await MemberSender(Outlet("member_notices", f"file:{path}", Threads(1))).send(message)
    line = {"user_id": "u1", "title": "Locked", "text": "Text", "state": "locked"}
    assert json.loads(path.read_text()) == line


async def test_a_file_that_cannot_be_written_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    sender = OtpSender(Outlet("otp_delivery", f"file:{tmp_path / 'missing' / 'otp'}", Threads(1)), KEY)
    with pytest.raises(Failed, match="the file: FileNotFoundError") as error:
        await sender.send(OTP)
    assert not error.value.final


def test_a_line_is_whole_or_not_there() -> None:
    with pytest.raises(OSError, match="No space left"):
        append(Path("/dev/full"), b"line\n")


@pytest.mark.parametrize("target", ["file:", "json://x", "nonsense://{user_id}", ""])
def test_a_wrong_target_is_a_wrong_setting(target: str) -> None:
    with pytest.raises(SettingsError, match="otp_delivery"):
        Outlet("otp_delivery", target, Threads(1))
