"""The channels file, and messages by Apprise."""

from pathlib import Path

import pytest

from argus.notify.app import links_of, topics_read
from argus.notify.channels import AppriseSender, read_channels
from argus.notify.sending import Failed, Threads
from argus.ports import LOOPBACK, pick
from argus.settings import SettingsError, load_settings
from core.notices import Channel, Message
from tests.argus.notify.receivers import Receiver

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "channels.yaml"
MESSAGE = Message("n1", "c", "HIGH", "Title", "Text", None, 0, 0, {})


def test_the_example_in_the_docs_is_right() -> None:
    channels = read_channels(EXAMPLE)
    assert {"alerts", "cases", "locks"} <= {about for channel in channels for about in channel.about}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: [{name: a}]", "channel a: Object missing required field `url`"),
        ("channels: [{name: a, url: 'nonsense://secret-token'}]", "channel a: the url is none that Apprise knows"),
        ("channels: [{name: a, url: 'https://secret-token'}]", "channel a: a webhook needs a secret"),
        ("channels: [{name: a, url: 'json://secret-token', secret: sixteen-characters}]", "only a webhook"),
        ("channels: [{name: A, url: 'json://secret-token'}]", "$.name"),
        ("channels: [{name: a, url: 'json://secret-token', severity: HIGH}]", "unknown field `severity`"),
        ("channels: [{name: a, url: 'json://secret-token', severities: [WORST]}]", "$.severities[0]"),
        ("channels: [{name: a, url: 'json://x'}, {name: a, url: 'json://y'}]", "the name a is taken"),
        ("channels: [{name: otp, url: 'json://x'}]", "the name otp is taken"),
        ("channels: {a: 1}", "expected `channels:` and a list"),
        ("channels: [3]", "channel 1"),
        ("a: [", "not YAML, line 1"),
    ],
)
def test_what_is_wrong_is_said_without_a_secret(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        read_channels(path)
    assert says in str(error.value)
    assert "secret-token" not in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_and_an_empty_one_have_no_channels(tmp_path: Path) -> None:
    assert read_channels(None) == ()
    (tmp_path / "empty.yaml").write_text("")
    assert read_channels(tmp_path / "empty.yaml") == ()
    with pytest.raises(SettingsError, match="No such file"):
        read_channels(tmp_path / "missing.yaml")


async def test_apprise_sends_and_says_when_it_was_not_taken(inbox: Receiver) -> None:
    threads = Threads(1)
    sender = AppriseSender(inbox.url.replace("http", "json") + "/notify", threads)
    await sender.send(MESSAGE)
    [request] = inbox.at("/notify")
    assert (request.json["title"], request.json["message"], request.json["type"]) == ("Title", "Text", "warning")
    inbox.status = 500
    with pytest.raises(Failed, match="did not take it"):
        await sender.send(MESSAGE)
    with pytest.raises(Failed):
        await AppriseSender(f"json://name:password@{LOOPBACK}:{pick()}", threads).send(MESSAGE)
    assert not threads.hang
    threads.close()


def test_only_what_somebody_wants_is_read() -> None:
    channel = Channel(name="c", url="json://x", about=("locks",))
    assert topics_read([], paging=False, members=False) == ["deliveries"]
    assert topics_read([], paging=True, members=True) == ["deliveries", "cases", "locks"]
    assert topics_read([channel], paging=False, members=False) == ["deliveries", "alerts", "locks"]


def test_labels_that_alertmanager_would_refuse_are_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="'a-b' will not do"):
        links_of(load_settings({"ARGUS_ALERTMANAGER_LABELS": '{"a-b": "c"}'}))
    links = links_of(load_settings({"ARGUS_ALERTMANAGER_LABELS": '{"cluster": "c"}'}))
    assert links.runbook("SecurityStorm") == "http://127.0.0.1:8080/runbooks/SecurityStorm"
