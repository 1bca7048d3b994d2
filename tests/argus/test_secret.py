import stat
import threading
from pathlib import Path

import pytest

from argus.secret import FILE, derived_key, secret_of
from argus.settings import Settings, SettingsError


def test_the_setting_goes_before_the_file_and_makes_none(tmp_path: Path) -> None:
    assert secret_of(Settings(secret="given", data_dir=tmp_path)) == "given"
    assert not (tmp_path / FILE).exists()


def test_a_secret_is_made_once_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    secret = secret_of(settings)
    assert len(bytes.fromhex(secret)) == 32
    assert secret_of(settings) == secret
    path = tmp_path / "data" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == [FILE]


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    assert secret_of(Settings(data_dir=tmp_path / "a")) != secret_of(Settings(data_dir=tmp_path / "b"))


def test_whoever_starts_at_the_same_time_gets_the_same_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    found: list[str] = []
    begin = threading.Barrier(8)

    def start() -> None:
        begin.wait()
        found.append(secret_of(settings))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert found[0] == secret_of(settings)


def test_a_key_for_one_purpose_says_nothing_of_another() -> None:
    keys = {derived_key("s", purpose) for purpose in (b"snapshot", b"token")} | {derived_key("t", b"snapshot")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}
    assert derived_key("s", b"snapshot") in keys


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "it is not text"), (None, "directory")],
)
def test_a_secret_file_that_is_none_is_a_wrong_setting_that_names_it(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / FILE
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=why) as wrong:
        secret_of(Settings(data_dir=tmp_path))
    assert str(path) in str(wrong.value)
