"""Whose a data directory is."""

import subprocess
import sys
from pathlib import Path

import pytest

from argus.lease import InUse, alone, belong_to, held


def test_it_is_private_and_held_by_one(tmp_path: Path) -> None:
    data_dir = tmp_path / "a" / "data"
    with held(data_dir) as run_dir:
        assert data_dir.stat().st_mode & 0o077 == 0
        assert run_dir == data_dir / "run"
        with pytest.raises(InUse, match="another `argus up`"), held(data_dir):
            pass
    with held(data_dir):
        pass


def test_pid_files_of_a_run_that_was_killed_are_cleared(tmp_path: Path) -> None:
    with held(tmp_path) as run_dir:
        (run_dir / "worker-0.pid").write_text("1")
    with held(tmp_path) as run_dir:
        assert not list(run_dir.glob("*.pid"))


def test_tables_stay_with_the_same_broker_and_go_with_another(tmp_path: Path) -> None:
    for name in ("worker-0", "worker-12", "worker-x", "keys"):
        (tmp_path / name).mkdir()
    assert belong_to(tmp_path, "one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incarnation", "keys", "worker-x"]
    (tmp_path / "worker-0").mkdir()
    assert not belong_to(tmp_path, "one")
    assert (tmp_path / "worker-0").exists()
    assert belong_to(tmp_path, "two")
    assert not (tmp_path / "worker-0").exists()


def test_a_worker_keeps_others_out_of_its_tables_and_other_roles_not(tmp_path: Path) -> None:
    """The lock is the process's, so it takes another process to be kept out."""
    other = (
        "import sys; from pathlib import Path; from argus.lease import alone\n"
        "with alone(Path(sys.argv[1]), sys.argv[2]): pass"
    )

    def try_as(role: str) -> str:
        done = subprocess.run([sys.executable, "-c", other, str(tmp_path), role], capture_output=True, text=True)
        return done.stderr

    with alone(tmp_path, "worker"):
        assert "InUse" in try_as("worker")
        assert not try_as("notify")
    assert not try_as("worker")
