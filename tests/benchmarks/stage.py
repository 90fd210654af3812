"""The stage of a benchmark: fresh databases on SQLite and PostgreSQL, and the processes that work on them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
from sqlalchemy import text
from werkzeug.security import generate_password_hash

from npsapp import create_app
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from tests import cast
from tests.mailserver import free_port
from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
HASH = generate_password_hash(cast.PASSWORD, method="scrypt:1024:8:1")
SECRET = "a key for benchmarks only, 1234"  # noqa: S105 - protects nothing


class Stage:
    """One database kind: makes installations with the company of the tests in them."""

    def __init__(self, kind: str, folder: Path, postgres: PostgresServer | None) -> None:
        self.kind, self.folder, self.postgres = kind, folder, postgres
        self.count = 0
        self.durable = postgres is not None

    def install(self, *, company: bool = True, **settings: str) -> "Installation":
        """A fresh, migrated installation with one company; settings as environment variables without prefix."""
        self.count += 1
        folder = self.folder / f"{self.kind}{self.count}"
        folder.mkdir()
        uri = f"sqlite:///{folder / 'npsapp.db'}" if not self.postgres else self.postgres.database(f"b{self.count}")
        one = Installation(folder, {"SQLALCHEMY_DATABASE_URI": uri, "SECRET_KEY": SECRET, **settings})
        one.prepare(company=company)
        return one


class Installation:
    """One instance folder; programs run in it as child processes."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        # An installation keeps its modules compiled: compiling them at each start leaves its traces in memory.
        kept = "PYTHONDONTWRITEBYTECODE"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NPSAPP_", kept))}
        own = {"INSTANCE_PATH": str(folder), "PORT": str(self.port), "PUBLIC_URL": self.address, **settings}
        own = {"ANSWER_FAST": "0"} | own  # its visitors answer within milliseconds; all other delays are the usual ones
        self.environment = inherited | {f"NPSAPP_{name}": value for name, value in own.items()}
        self.uri = settings["SQLALCHEMY_DATABASE_URI"]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Work on the database in this process, to set the stage."""
        app = create_app({"SQLALCHEMY_DATABASE_URI": self.uri, "SECRET_KEY": SECRET}, instance_path=str(self.folder))
        with app.app_context():
            try:
                yield
            finally:
                db.session.remove()
                db.engine.dispose()

    def prepare(self, *, company: bool) -> None:
        with self.inside():
            flask_migrate.upgrade()
            if company:
                with transaction() as session:
                    cast.found(session, password_hash=HASH, now=utcnow())

    def sql(self, *statements: str, **values: Any) -> None:
        """Run statements that set the stage, all in one transaction, then let the database look at its tables."""
        with self.inside():
            with transaction() as session:
                for statement in statements:
                    session.execute(text(statement), values)
            with transaction() as session:
                session.execute(text("ANALYZE"))

    def child(self, module: str, *words: str) -> dict[str, Any]:
        """Run a measuring program to its end; it prints one JSON object on its last line."""
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.{module}", *words],
            cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @contextmanager
    def running(self, app: str, command: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A `flask` command that goes on running until the block ends."""
        program = [sys.executable, "-m", "flask", "--app", app, command]
        with (self.folder / "output.txt").open("ab") as output:
            process = subprocess.Popen(program, cwd=ROOT, env=self.environment, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def stages(kinds: list[str]) -> Iterator[list[Stage]]:
    """Stages for the kinds of databases asked for; everything they made is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="npsapp-bench-"))
    postgres = PostgresServer().start(durable=True) if "postgresql" in kinds else None
    try:
        yield [Stage(kind, folder, postgres if kind == "postgresql" else None) for kind in kinds]
    finally:
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
