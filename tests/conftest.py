"""Fixtures of all tests: an application on a real database, a company, people who work there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.security import generate_password_hash

from npsapp import create_app, worker
from npsapp.accounts.models import User
from npsapp.db import db, is_sqlite, transaction
from npsapp.lib import clock
from tests import cast
from tests.browser import address, chromium, launch  # noqa: F401 - fixtures for whoever needs a browser
from tests.postgres import PostgresServer

FIXED_NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PASSWORD = cast.PASSWORD
# One cheap hash for everybody: scrypt at full strength would cost a tenth of a second per user and test.
CHEAP_HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked of SQLite about itself is not asked of PostgreSQL."""
    foreign = [one for one in items if one.get_closest_marker("sqlite_only") and "postgres" in one.name]
    config.hook.pytest_deselected(items=foreign)
    items[:] = [one for one in items if one not in foreign]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this run."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database_uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A fresh database; every test that touches one runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database') / 'npsapp.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.database("tests")


@pytest.fixture(scope="session")
def shared_app(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for all tests in this process, with all tables."""
    app = create_app(
        {"TESTING": True, "SQLALCHEMY_DATABASE_URI": database_uri, "SECRET_KEY": "a key for tests only, 1234"},
        instance_path=str(tmp_path_factory.mktemp("instance")),
    )
    app.test_client_class = Browser
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The application with empty tables and an empty outbox, its context pushed."""
    worker.init_app(shared_app)  # a test that made another application has bound the queue to that one
    with shared_app.app_context():
        _empty_tables()
        for letter in Path(shared_app.instance_path, "outbox").glob("*.eml"):
            letter.unlink()
        yield shared_app
        db.session.remove()


def _empty_tables() -> None:
    """Delete all rows; foreign keys wait until the end on SQLite and are left aside on PostgreSQL."""
    postpone = "PRAGMA defer_foreign_keys=ON" if is_sqlite() else "SET LOCAL session_replication_role = replica"
    with transaction() as session:
        session.execute(text(postpone))
        for table in reversed(db.metadata.sorted_tables):
            session.execute(table.delete())


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
    """`login(client, user)`: sign in through the real form."""

    def sign_in(client: FlaskClient, user: User) -> FlaskClient:
        token = cast.csrf(client.get("/login").get_data(as_text=True))
        answer = client.post("/login", data={"email": user.email, "password": PASSWORD, "csrf_token": token})
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return client

    return sign_in
