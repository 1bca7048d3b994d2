import os
from pathlib import Path

import pytest

from argus.intelligence import BadList, ThreatLists, parse_list

HERE = Path("list.txt")


def write(path: Path, text: str, at_s: int) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at_s, at_s))


def test_a_list_has_addresses_ranges_devices_and_remarks() -> None:
    text = "# header\n192.0.2.1  # seen twice\n\n198.51.100.0/24\ndevice: d1\n2001:db8::/32\n"
    assert parse_list(HERE, text) == {
        "ip": ["192.0.2.1"],
        "range": ["198.51.100.0/24", "2001:db8::/32"],
        "device": ["d1"],
    }


@pytest.mark.parametrize("text", ["192.0.2.1\nnonsense", "192.0.2.1\n192.0.2.0/33", "\n" + "1" * 600])
def test_a_bad_line_is_named(text: str) -> None:
    with pytest.raises(BadList) as caught:
        parse_list(HERE, text)
    assert caught.value.line == 2
    assert "line 2" in str(caught.value)


def test_lists_are_read_again_when_they_change_and_kept_when_they_are_bad(tmp_path: Path) -> None:
    path = tmp_path / "bad_ips.txt"
    lists = ThreatLists(tmp_path)
    assert not lists.refresh()
    write(path, "192.0.2.1\n", 1)
    write(tmp_path / ".hidden", "nonsense", 1)
    assert lists.refresh()
    assert not lists.refresh()
    assert lists.listed.reputation("ip:192.0.2.1")
    write(path, "192.0.2.2\nnonsense\n", 2)
    assert not lists.refresh()
    assert lists.listed.reputation("ip:192.0.2.1")
    assert "line 2" in lists.faults[path]
    write(path, "192.0.2.2\n", 3)
    assert lists.refresh()
    assert not lists.faults
    assert not lists.listed.reputation("ip:192.0.2.1")
    assert lists.listed.reputation("ip:192.0.2.2")
    path.unlink()
    assert lists.refresh()
    assert not lists.listed.reputation("ip:192.0.2.2")


def test_one_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    lists = ThreatLists(path)
    assert not lists.refresh()
    write(path, "device:d1\n", 1)
    assert lists.refresh()
    assert lists.listed.reputation("device:d1")
