"""A whole installation as a person starts it: own folder, real processes, real HTTP, a real mail server."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import NullPool, create_engine, text

from npsapp.family import LEAN
from tests.conftest import Backing
from tests.mailserver import MailServer, free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 40.0


def wait_until(happened: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true; fail with `what` when patience ends."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = happened()
        if answer:
            return answer
        time.sleep(0.1)
    pytest.fail(f"waited {patience_s:.0f} s in vain: {what}")


class Visitor:
    """A browser without script: keeps cookies, follows redirects, fills in forms as they stand on the page."""

    def __init__(self, address: str, language: str = "en") -> None:
        self.address = address
        self.language = language
        self.cookies: dict[str, str] = {}
        self.status = 0
        self.page = ""
        self.headers: Any = {}

    def open(self, path: str) -> str:
        return self._ask("GET", path)

    def send(self, path: str, **fields: str) -> str:
        return self._ask("POST", path, fields=fields)

    def fill(self, action: str | None = None, **fields: str) -> str:
        """Submit the form of this page whose action ends with `action` (the first one without it)."""
        form = self._form(action)
        found = re.search(r'<form[^>]*action="([^"]*)"', form)
        target = found.group(1) if found else self.path
        return self._ask("POST", target or self.path, fields=self._given(form) | fields)

    def _form(self, action: str | None) -> str:
        forms = re.findall(r"<form[\s\S]*?</form>", self.page)
        for form in forms:
            head = form[: form.index(">")]
            if action is None or re.search(rf'action="[^"#]*{re.escape(action)}(#[^"]*)?"', head):
                return str(form)
        raise AssertionError(f"no form {action!r} on the page {self.path}")

    def _given(self, form: str) -> dict[str, str]:
        """What a browser would send untouched: hidden fields and chosen radios."""
        fields = {}
        for tag in re.findall(r"<input[^>]*>", form):
            if 'type="hidden"' in tag or " checked" in tag:
                value = re.search(r'value="([^"]*)"', tag)
                fields[re.search(r'name="([^"]*)"', tag).group(1)] = value.group(1) if value else ""  # type: ignore[union-attr]
        return fields

    def _ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> str:
        self.path = path.removeprefix(self.address).partition("#")[0]
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        headers = {
            "Accept-Language": self.language,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if fields is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, self.path, urlencode(fields) if fields is not None else None, headers)
        answer = connection.getresponse()
        self.page = answer.read().decode("utf-8", "replace")
        connection.close()
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        self.status, self.headers = answer.status, answer.headers
        if answer.status in (301, 302, 303):
            return self._ask("GET", answer.headers["Location"])
        return self.page

    def move_to(self, other: "Installation") -> None:
        """Go on at another web process of the same installation, keeping page and cookies."""
        self.page = self.page.replace(self.address, other.address)
        self.address = other.address

    def sign_in(self, email: str, password: str) -> None:
        self.open("/login")
        self.fill("/login", email=email, password=password)
        assert self.path != "/login", self.page


class Installation:
    """One instance folder with its settings; commands and processes run in it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("NPSAPP_")},
            "NPSAPP_INSTANCE_PATH": str(folder),
            "NPSAPP_PORT": str(self.port),
            "NPSAPP_PUBLIC_URL": self.address,
            **{f"NPSAPP_ANSWER_{delay}": "0" for delay in ("SOON", "FAST", "SWEEP")},
            **{f"NPSAPP_{name}": value for name, value in settings.items()},
        }
        database = settings.get("SQLALCHEMY_DATABASE_URI") or f"sqlite:///{folder / 'npsapp.db'}"
        self.engine = create_engine(database, poolclass=NullPool)
        self.processes: list[subprocess.Popen[bytes]] = []

    def flask(self, *words: str, given: str | None = None, fails: bool = False) -> str:
        """Run a command to its end; its output. `given` goes to standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a command that goes on running."""
        return self._start("-m", "flask", "--app", "wsgi", *words)

    def run(self, program: str) -> "subprocess.Popen[bytes]":
        """Start `serve`, `work` or `run-all` as its service does."""
        return self._start(*LEAN, program)

    def _start(self, *program: str) -> "subprocess.Popen[bytes]":
        with (self.folder.parent / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *program],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def output(self) -> str:
        return (self.folder.parent / "output.txt").read_text()

    def serve(self) -> "subprocess.Popen[bytes]":
        """Start the web process and wait until it answers."""
        process = self.run("serve")
        wait_until(self.answers, "the web process answers")
        return process

    def answers(self) -> bool:
        try:
            return Visitor(self.address).open("/healthz") != ""
        except OSError:
            return False

    def twin(self) -> "Installation":
        """A second web process of the same installation: its folder, database and queue, another port."""
        other = Installation(self.folder)
        other.environment = {**self.environment, "NPSAPP_PORT": str(other.port)}
        other.engine = self.engine
        return other

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database from outside."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]

    def visitor(self, language: str = "en") -> Visitor:
        return Visitor(self.address, language)

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A running SMTP server."""
    server = MailServer().start()
    yield server
    server.stop()


@dataclass(frozen=True)
class DemoCompany:
    """An instance folder with the demo company in a SQLite file, to be copied; passwords by e-mail address."""

    folder: Path
    passwords: dict[str, str]


@pytest.fixture(scope="session")
def demo_company(tmp_path_factory: pytest.TempPathFactory) -> DemoCompany:
    """The whole demo company, loaded once."""
    installation = Installation(tmp_path_factory.mktemp("demo") / "instance", DEMO="1")
    installation.flask("db", "upgrade")
    said = installation.flask("demo", "load")
    return DemoCompany(installation.folder, dict(re.findall(r"^  \w+ +(\S+@\S+) +(\S+)$", said, re.MULTILINE)))


@pytest.fixture
def install(tmp_path: Path, backing: Backing) -> Iterator[Callable[..., Installation]]:
    """`install(DEMO="1", …)`: a fresh installation; everything it started ends with the test."""
    made: list[Installation] = []

    def make(**settings: str) -> Installation:
        made.append(Installation(tmp_path / f"instance{len(made)}", **{**backing.fresh(), **settings}))
        made[-1].flask("db", "upgrade")
        return made[-1]

    yield make
    for one in made:
        one.stop()
