"""A PostgreSQL server of the tests' own: from a temporary folder, on a free loopback port, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.mailserver import free_port


class PostgresServer:
    """Start with `start()`, get addresses of fresh databases with `database(name)`, end with `stop()`."""

    def __init__(self) -> None:
        self.bin = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-postgres-"))
        self.port = free_port()
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def start(self) -> "PostgresServer":
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "npsapp", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -F -c synchronous_commit=off -c full_page_writes=off"
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"), "-w", "start"
        )
        return self

    def database(self, name: str) -> str:
        """The address of a new, empty database."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "npsapp", name)
        return f"postgresql+psycopg://npsapp@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if os.geteuid() == 0 else {}
        subprocess.run([str(self.bin / program), *words], check=True, capture_output=True, cwd=self.folder, **as_user)  # type: ignore[call-overload]


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    assert on_path, "PostgreSQL is missing: apt-get install postgresql"
    return Path(on_path).parent
