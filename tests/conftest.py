"""Fixtures of all tests: an application on a real database, a company, people who work there."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from npsapp import create_app, worker
from npsapp.accounts import sessions
from npsapp.accounts.models import User
from npsapp.db import db, is_sqlite, transaction
from npsapp.lib import clock
from tests import cast
from tests.browser import address, chromium, launch  # noqa: F401 - fixtures for whoever needs a browser
from tests.dovecot import DovecotServer
from tests.kannel import KannelServer
from tests.postfix import Postfix
from tests.postgres import PostgresServer
from tests.redis import RedisServer

FIXED_NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PASSWORD = cast.PASSWORD
# Tests that are not about telling people from machines answer at once (see tests/responses/test_human.py).
UNHURRIED = {"ANSWER_SOON": 0, "ANSWER_FAST": 0, "ANSWER_SWEEP": 0}
# One cheap hash for everybody: scrypt at full strength would cost a tenth of a second per user and test.
CHEAP_HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked of SQLite about itself is not asked of PostgreSQL; files of long tests come first.

    Two workers share the files (`make test`): a long one that began last would keep one of them waiting.
    """
    foreign = [one for one in items if one.get_closest_marker("sqlite_only") and "postgres" in one.name]
    config.hook.pytest_deselected(items=foreign)
    items[:] = [one for one in items if one not in foreign]
    items.sort(key=lambda one: not (one.get_closest_marker("crash") or one.get_closest_marker("journey")))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this run."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server of this run."""
    server = RedisServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """A mailbox server of this run."""
    server = DovecotServer()
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """A receiving mail server of this run."""
    server = Postfix()
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def kannel() -> Iterator[KannelServer]:
    """An SMS gateway of this run, with two operators."""
    server = KannelServer()
    yield server.start()
    server.stop()


class Applications:
    """One application with all tables for each kind of database; tests of both kinds come in turns."""

    def __init__(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._request = request
        self._folder = tmp_path_factory.mktemp
        self._made: dict[str, Flask] = {}

    def on(self, kind: str) -> Flask:
        """The application on `sqlite` or `postgres`."""
        if kind not in self._made:
            self._made[kind] = self._make(self._uri(kind))
        return self._made[kind]

    def _uri(self, kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self._folder('database') / 'npsapp.db'}"
        server: PostgresServer = self._request.getfixturevalue("postgres")
        return server.database("tests")

    def _make(self, uri: str) -> Flask:
        app = create_app(
            {"TESTING": True, "SQLALCHEMY_DATABASE_URI": uri, "SECRET_KEY": "a key for tests only, 1234", **UNHURRIED},
            instance_path=str(self._folder("instance")),
        )
        app.test_client_class = Browser
        with app.app_context():
            db.create_all()
        return app

    def close(self) -> None:
        for app in self._made.values():
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


@pytest.fixture(scope="session")
def applications(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applications]:
    """The applications of this process, made when a test first asks for one."""
    made = Applications(request, tmp_path_factory)
    yield made
    made.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def shared_app(request: pytest.FixtureRequest, applications: Applications) -> Flask:
    """One application for all tests; every test that touches a database runs on SQLite and on PostgreSQL."""
    return applications.on(request.param)


class Backing:
    """What an installation stands on: SQLite and a queue file (`sqlite`), or PostgreSQL and Redis (`postgres`)."""

    def __init__(self, kind: str, request: pytest.FixtureRequest) -> None:
        self.kind = kind
        self._request = request

    def fresh(self) -> dict[str, str]:
        """Settings that name a database and a queue nobody used before."""
        if self.kind == "sqlite":
            return {}
        server: PostgresServer = self._request.getfixturevalue("postgres")
        queue: RedisServer = self._request.getfixturevalue("redis")
        return {"SQLALCHEMY_DATABASE_URI": server.database(f"install_{uuid4().hex}"), "HUEY_URL": queue.database()}


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def backing(request: pytest.FixtureRequest) -> Backing:
    """Installations of journeys stand on files, and on PostgreSQL and Redis."""
    return Backing(request.param, request)


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The application with empty tables and no letters or files of other tests, its context pushed."""
    worker.init_app(shared_app)  # a test that made another application has bound the queue to that one
    with shared_app.app_context():
        _empty_tables()
        for folder in ("outbox", "uploads", "logos"):
            shutil.rmtree(Path(shared_app.instance_path, folder), ignore_errors=True)
        yield shared_app
        db.session.remove()


def _empty_tables() -> None:
    """Delete all rows; foreign keys wait until the end on SQLite and are left aside on PostgreSQL."""
    postpone = "PRAGMA defer_foreign_keys=ON" if is_sqlite() else "SET LOCAL session_replication_role = replica"
    quoted = db.engine.dialect.identifier_preparer.format_table
    statements = [postpone, *(f"DELETE FROM {quoted(table)}" for table in reversed(db.metadata.sorted_tables))]
    with transaction() as session:
        connection = session.connection()
        # PostgreSQL takes all of them at once; SQLite's driver one by one.
        for one in statements if is_sqlite() else ["; ".join(statements)]:
            connection.exec_driver_sql(one)


@pytest.fixture
def now() -> datetime:
    """The fixed moment of most tests: Friday, 20 November 2026, 10:00 UTC (12:00 in Kyiv)."""
    return FIXED_NOW


@pytest.fixture
def at_now() -> Iterator[datetime]:
    """Let every door of this process believe it is `now`."""
    with clock.pretend(FIXED_NOW):
        yield FIXED_NOW


@pytest.fixture
def company(app: Flask) -> SimpleNamespace:
    """The company of the tests with its fixed cast (see tests/cast.py)."""
    with transaction() as session:
        return cast.found(session, password_hash=CHEAP_HASH, now=FIXED_NOW)


class Browser(FlaskClient):
    """Flask's test client, each request in an application context of its own, as on a real server.

    Inside the test's context `g` and the database session would live on from request to request.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            answer = super().open(*args, **kwargs)
        db.session.rollback()
        return answer


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without a session."""
    return app.test_client()


@pytest.fixture
def login():
    """`login(client, user)`: with the session that the form would begin; of the form itself see tests/accounts."""

    def sign_in(client: FlaskClient, user: User) -> FlaskClient:
        user_id, agent = user.id, "Werkzeug"
        with client.application.app_context(), transaction() as session:
            token = sessions.begin_session(session.get(User, user_id), remember=False, agent=agent, now=clock.utcnow())
        with client.session_transaction() as cookie:
            cookie.clear()
            cookie.update(_user_id=token, _fresh=True)
        db.session.rollback()
        return client

    return sign_in
