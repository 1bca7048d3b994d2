import base64
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from argus.cli import COMMANDS, run

ROOT = Path(__file__).parents[2]
WITHOUT_SETTINGS: set[str] = set()


def argus(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_")}
    command = [sys.executable, "-m", "argus", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**kept, **environ}, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: argus" in capsys.readouterr().out


def test_help_names_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "argus", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert all(name in done.stdout for name in COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"faust", "aiokafka", "numpy", "sklearn", "rich", "msgspec", "yaml"} & imported


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["nope"],
        ["up", "--nope"],
        ["up", "--workers", "x"],
        ["up", "--workers", "0"],
        ["up", "--duration", "-1"],
        ["worker", "--metrics-port", "70000"],
        ["topics"],
        ["topics", "drop"],
        ["replay"],
        ["replay", "--events", "/no/such/file", "--alerts", "a", "--decisions", "d"],
        ["simulate", "--days", "1", "--events", "1"],
        ["simulate", "--out", "/tmp/x"],
        ["simulate", "--events", "1", "--out", "-", "--attacks", "tickling"],
        ["simulate", "--events", "1", "--out", "-", "--intensity", "fierce"],
        ["simulate", "--feedback", "/tmp/feedback.jsonl"],
        ["simulate", "--events", "1", "--out", "/no/such/place/events.jsonl"],
        ["replay", "--events", __file__, "--alerts", "/no/such/place/a", "--decisions", "/dev/null"],
        ["audit", "export", "--out", "/no/such/place/a"],
        ["token", "create", "--role", "analyst", "--scope", "alert:read"],
        ["token", "create", "--role", "analyst", "--scope", ","],
        ["serve", "--port", "70000"],
        ["rules", "explain"],
        ["rules", "explain", "velocitty"],
        ["models", "show", "isolaton_forest"],
        ["models", "rollback", "isolation_forest", "0"],
        ["models", "rollback", "isolation_forest"],
        ["rules", "test", "no_such_rule"],
        ["ingest", "--file", "/no/such/file", "--format", "json"],
        ["ingest", "--file", "-", "--format", "xml"],
        ["ingest", "--file", "-", "--format", "json", "--map", "colour=x"],
        ["evaluate", "--decisions", "/no/such/file"],
        ["schema", "no_such_record"],
        ["bench", "--events", "x"],
        ["plan", "--users", "1"],
        ["plan", "--users", "0", "--rate", "1"],
        ["--config", "/no/such/file", "settings"],
    ],
)
def test_wrong_use_is_one_line_and_status_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = run(args)
    told = capsys.readouterr()
    assert status == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1, told.err


def test_a_command_left_out_is_told_with_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules"]) == 2
    assert capsys.readouterr().err == "argus rules: missing command (see `argus rules --help`)\n"


def test_an_output_that_is_an_input_or_another_output_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, link = tmp_path / "events.jsonl", tmp_path / "link.jsonl"
    events.write_text("{}\n")
    link.symlink_to(events)
    replay = ["replay", "--events", str(events)]
    for outputs in (
        ["--alerts", str(link), "--decisions", str(tmp_path / "d")],
        ["--alerts", str(tmp_path / "a"), "--decisions", str(tmp_path / "a")],
        ["--alerts", "/dev/null", "--decisions", "/dev/null", "--rejected", str(events)],
    ):
        assert run([*replay, *outputs]) == 2
        assert "are the same file" in capsys.readouterr().err
    assert run(["simulate", "--events", "5", "--out", str(tmp_path / "x"), "--labels", str(tmp_path / "x")]) == 2
    assert events.read_text() == "{}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "link.jsonl"]
    assert run([*replay, "--alerts", "/dev/null", "--decisions", "/dev/null"]) == 0


def test_a_wrong_setting_is_one_line_and_status_2() -> None:
    for environ in ({"ARGUS_PARTITIONS": "x"}, {"ARGUS_NO_SUCH": "1"}):
        done = argus("settings", **environ)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert next(iter(environ)) in done.stderr


# Enough of each command to get as far as its settings.
WITH_SETTINGS = (
    ["up"],
    ["worker"],
    ["sink"],
    ["notify"],
    ["serve"],
    ["health"],
    ["topics", "create"],
    ["simulate", "--list"],
    ["simulate", "--events", "1", "--out", "-"],
    ["replay", "--events", __file__, "--alerts", "/dev/null", "--decisions", "/dev/null"],
    ["evaluate", "--decisions", __file__, "--alerts", __file__, "--labels", __file__],
    ["rules", "list"],
    ["rules", "test"],
    ["rules", "explain", "impossible_travel"],
    ["ingest", "--file", __file__, "--format", "json"],
    ["tail"],
    ["token", "create", "--role", "service"],
    ["user", "create", "ann", "--role", "admin", "--generate"],
    ["audit", "verify"],
    ["audit", "export", "--out", "/dev/null"],
    ["models", "list"],
    ["models", "show", "gaussian"],
    ["models", "rollback", "isolation_forest", "1"],
    ["models", "release", "isolation_forest"],
    ["schema"],
    ["schema", "--asyncapi"],
    ["settings"],
    ["settings", "--markdown"],
    ["plan", "--users", "1", "--rate", "1"],
    ["bench"],
)


@pytest.mark.parametrize("args", WITH_SETTINGS, ids=" ".join)
def test_every_command_refuses_a_wrong_setting(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARGUS_PARTITIONS", "many")
    assert run(args) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert "ARGUS_PARTITIONS" in told.err


def test_no_command_is_left_out_of_that() -> None:
    assert {args[0] for args in WITH_SETTINGS} == set(COMMANDS) - WITHOUT_SETTINGS


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def serve(tmp_path: Path, *args: str) -> int:
    return run(["serve", "--broker", "127.0.0.1:1", "--data-dir", str(tmp_path), "--port", "0", *args])


def test_a_port_that_is_taken_is_one_line_that_names_it_and_status_1(
    tmp_path: Path, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(tmp_path, "--port", str(taken)) == 1
    assert capsys.readouterr().err == f"argus: cannot listen on 127.0.0.1:{taken}: Address already in use\n"
    args = ["--broker", "127.0.0.1:1", "--data-dir", str(tmp_path), "--metrics-port", str(taken)]
    for command in ("worker", "sink", "notify"):
        assert run([command, *args]) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == f"argus: cannot listen on 127.0.0.1:{taken}: Address already in use"


def test_an_address_that_is_not_this_machines_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for host in ("192.0.2.1", "no-such-host.invalid"):
        assert serve(tmp_path, "--host", host) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"argus: cannot listen on {host}:")


@pytest.mark.parametrize(
    ("name", "value"),
    [("jwks_url", "issuer.example/keys"), ("jwks_url", "file:///etc/passwd"), ("jwks_url", "http://[x/keys"),
     ("public_url", "argus.example"), ("cors_origins", "https://shop.example/page"), ("api_port", "70000"),
     ("api_port", "http"), ("database_url", "oracle://x")],
)  # fmt: skip
def test_what_the_api_cannot_be_served_with_is_one_line_that_names_it_and_status_2(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARGUS_JWT_AUDIENCE", "argus")
    monkeypatch.setenv(f"ARGUS_{name.upper()}", value)
    port = [] if name == "api_port" else ["--port", "0"]
    assert run(["serve", "--broker", "127.0.0.1:1", "--data-dir", str(tmp_path), *port]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line.lower()


def test_a_secret_that_cannot_be_read_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").mkdir()
    for args in (["serve"], ["worker"], ["token", "create", "--role", "service"]):
        assert run([*args, "--data-dir", str(tmp_path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(tmp_path / "secret") in line


def test_a_token_is_made_and_narrowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["token", "create", "--role", "analyst", "--user", "ann", "--data-dir", str(tmp_path)]
    assert run([*args, "--scope", "alerts:read, cases:read"]) == 0
    _, claims, _ = capsys.readouterr().out.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (told["sub"], told["role"], told["scope"]) == ("ann", "analyst", "alerts:read cases:read")


@pytest.mark.parametrize(
    "command", [("topics", "create"), ("simulate", "--events", "10"), ("models", "list"), ("tail",)]
)
def test_an_unreachable_broker_is_one_line_and_status_1(command: tuple[str, ...]) -> None:
    done = argus(*command, "--broker", "127.0.0.1:1")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "127.0.0.1:1" in done.stderr


def test_the_database_is_migrated_and_one_that_is_not_there_is_one_line_without_the_password(tmp_path: Path) -> None:
    done = argus("sink", "--migrate-only", "--data-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"sqlite:///{tmp_path / 'argus.db'} is up to date\n")
    done = argus("sink", "--migrate-only", DATABASE_URL="postgres://argus:hidden@127.0.0.1:1/argus")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "postgresql://127.0.0.1:1/argus cannot be migrated" in done.stderr
    assert "hidden" not in done.stderr
    done = argus("sink", DATABASE_URL="mysql://argus:hidden@127.0.0.1/argus")
    assert done.returncode == 2
    assert "hidden" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m argus simulate --events 20000 --users 50 --out - | head -n 1",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["event_id"]
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


def test_settings_are_listed_as_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "partitions"]) == 0
    assert "ARGUS_PARTITIONS\t4" in capsys.readouterr().out
    assert run(["settings", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"name", "env", "value", "default", "help", "from", "aliases"} == set(rows[0])


def test_a_setting_that_is_not_there_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "partitoins"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "no setting has 'partitoins' in its name" in told.err


def test_a_password_that_is_too_short_is_wrong_use(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "argus", "user", "create", "ann", "--role", "admin", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, input="short\n", capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "12 to 256 characters" in done.stderr


def test_a_login_that_cannot_be_is_wrong_use_and_one_that_is_there_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    create = ["user", "create", "--role", "analyst", "--generate", "--data-dir", str(data_dir)]
    assert run([*create, " ann"]) == 2
    assert "no spaces around them" in capsys.readouterr().err
    assert run([*create, "ann"]) == 0
    assert data_dir.stat().st_mode & 0o077 == 0
    capsys.readouterr()
    assert run([*create, "ann"]) == 1
    assert "already" in capsys.readouterr().err


def test_the_rule_book_is_listed_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "list", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)
    assert len(rules) > 30
    for rule in rules:
        assert run(["rules", "explain", rule["id"]]) == 0
        told = capsys.readouterr().out
        assert rule["words"] in told
        assert "def " in told or "lambda" in told


def test_the_rule_book_keeps_its_own_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "test"]) == 0, capsys.readouterr().out
    assert " 0 failed" in capsys.readouterr().out


def test_the_schema_of_one_record_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "lock"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "lock"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("argus ")
