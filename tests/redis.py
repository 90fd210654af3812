"""A Redis server of the tests' own: from a temporary folder, on a free loopback port, gone afterwards."""

import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.mailserver import free_port

DATABASES = 1000
START_WITHIN_S = 10


class RedisServer:
    """Start with `start()`, get addresses of unused databases with `database()`, end with `stop()`."""

    def __init__(self) -> None:
        self.program = shutil.which("redis-server")
        assert self.program, "Redis is missing: apt-get install redis-server"
        self.folder = Path(tempfile.mkdtemp(prefix="npsapp-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()

    def start(self) -> "RedisServer":
        """Start empty: what a stopped server held is lost."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        options += ["--save", "", "--appendonly", "no", "--databases", str(DATABASES)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([str(self.program), *options], stdout=log, stderr=log)
        end = time.monotonic() + START_WITHIN_S
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            time.sleep(0.02)
        raise AssertionError(f"Redis does not start: {(self.folder / 'log').read_text()}")

    def database(self) -> str:
        """The address of a database nobody was given before."""
        return f"redis://127.0.0.1:{self.port}/{next(self._numbers)}"

    def kill(self) -> None:
        """End it at once; the port and the folder are kept for another `start()`."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
