"""What `make` does on a fresh machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_pip_alone_is_enough_where_debian_has_left_ensurepip_out(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = ["make", f"PYTHON={sys.executable}", ".venv/bin/python"]
    made = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    pip = subprocess.run([tmp_path / ".venv/bin/python", "-m", "pip", "--version"], capture_output=True, check=True)
    assert str(tmp_path).encode() in pip.stdout
