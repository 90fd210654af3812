"""Fixtures of all tests: an application on a real database, a company, people who work there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from npsapp import create_app, worker
from npsapp.accounts.models import User
from npsapp.db import db, transaction
from npsapp.lib import clock
from tests import cast

FIXED_NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PASSWORD = cast.PASSWORD
# One cheap hash for everybody: scrypt at full strength would cost a tenth of a second per user and test.
CHEAP_HASH = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")


@pytest.fixture(scope="session")
def database_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of this test run: a fresh SQLite file."""
    return f"sqlite:///{tmp_path_factory.mktemp('database') / 'npsapp.db'}"


@pytest.fixture(scope="session")
def shared_app(database_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for all tests in this process, with all tables."""
    app = create_app(
        {
            "TESTING": True,
            "SQLALCHEMY_DATABASE_URI": database_uri,
            "SECRET_KEY": "a key for tests only, 1234",
        },
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
    with transaction() as session:
        postponed = db.engine.dialect.name == "sqlite"
        if postponed:
            session.connection().exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for table in reversed(db.metadata.sorted_tables):
            if table.name == "survey":
                session.execute(table.update().values(version_id=None))
                session.execute(db.metadata.tables["survey_version"].delete())
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
