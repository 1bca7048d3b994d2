"""A real PostgreSQL for the tests, in a directory and on a loopback port of its own, that can be stopped at will."""

import asyncio
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from argus.broker import die_with
from argus.ports import LOOPBACK, pick

INSTALL = "no PostgreSQL: apt-get install --no-install-recommends postgresql"
OWNER = "postgres"


class NoPostgres(Exception):
    """It can't run here; the message says what to install."""


def binaries() -> Path:
    """Where Debian has the newest version's programs, or wherever `initdb` is on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path is None:
        raise NoPostgres(INSTALL)
    return Path(on_path).parent


class Server:
    """One server. It refuses to run as root, so a root hands it to the system's `postgres`."""

    def __init__(self) -> None:
        self._bin = binaries()
        self._as: list[str] = []
        # Not below pytest's own directory, which nobody else may enter.
        self.directory = Path(tempfile.mkdtemp(prefix="argus-postgres-"))
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self._as = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--pdeathsig=KILL", "--"]
        self.port = pick()
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "argus", "--auth=trust", "--no-sync", "-E", "UTF8")

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def start(self) -> None:
        """Returns when it answers. It ends with the thread that calls this."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": str(self.directory),
            "fsync": "on",
            "max_connections": "40",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as, str(self._bin / "postgres"), "-D", str(self._data), *settings],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=functools.partial(die_with, os.getpid()),
            )
        asyncio.run(self._answers())

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT is as a power cut would be, and it recovers from its log when it starts again; SIGINT is in order,
        with every client sent away."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def database(self) -> str:
        """The address of a new and empty database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        asyncio.run(self._execute(f"CREATE DATABASE {name}"))
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://argus:secret@{LOOPBACK}:{self.port}/{name}"

    async def _answers(self) -> None:
        async with asyncio.timeout(240):
            while True:
                try:
                    await self._execute("SELECT 1")
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.05)
                else:
                    return

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"), timeout=5)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _run(self, program: str, *options: str) -> None:
        command: Sequence[str] = [*self._as, str(self._bin / program), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=self.directory, check=False)
        assert done.returncode == 0, f"{program}: {done.stderr or done.stdout}"
