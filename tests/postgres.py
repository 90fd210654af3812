"""A PostgreSQL server of the tests' own: from a temporary folder, on a free loopback port, gone afterwards."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.mailserver import free_port


class PostgresServer:
    """Start with `start()`, get addresses of fresh databases with `database(name)`, end with `stop()`."""

    def __init__(self) -> None:
        self.bin = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-postgres-"))
        self.port = free_port()
        self.options = ""
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def start(self, *, durable: bool = False) -> "PostgresServer":
        """Tests may lose what they wrote when the machine dies; `durable` writes as an ordinary installation does."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "npsapp", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.options = f"-p {self.port} -h 127.0.0.1 -k {self.folder}"
        self.options += "" if durable else " -F -c synchronous_commit=off -c full_page_writes=off"
        self.resume()
        return self

    def resume(self) -> None:
        """Start on the folder as it lies there, also after `crash()`."""
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self._run("pg_ctl", "-D", data, "-o", self.options, "-l", log, "-w", "start")

    def crash(self) -> None:
        """Kill every process of the server with -9, its first one and all that serve somebody."""
        note = self.folder / "data" / "postmaster.pid"
        first = int(note.read_text().split()[0])
        others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, others)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_lives(pid) for pid in (first, *map(int, others))):
            time.sleep(0.01)
        # Where nobody collects ended processes their numbers stay taken, and these notes would stop the next start.
        for left in (note, self.folder / f".s.PGSQL.{self.port}.lock"):
            left.unlink(missing_ok=True)

    def database(self, name: str) -> str:
        """The address of a new, empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "npsapp", name)
        return f"postgresql+psycopg://npsapp@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        if (self.folder / "data" / "postmaster.pid").exists():  # not after `crash()`
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run([str(self.bin / program), *words], check=True, capture_output=True, cwd=self.folder, **as_user)  # type: ignore[call-overload]


def _lives(pid: int) -> bool:
    """Whether a process still runs; one that ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is missing: apt-get install postgresql"
    return Path(on_path).parent
