"""Whether the program says the truth about its health."""

from datetime import timedelta

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import event, text

from npsapp.db import db, transaction
from npsapp.lib import clock
from npsapp.office import health
from npsapp.pulse import services as pulse


@pytest.fixture
def migrated(app, at_now):
    """The tables of the tests are made without migrations: stamp them, and let the process have started now."""
    heads = ScriptDirectory(app.extensions["migrate"].directory).get_heads()
    with transaction() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        session.execute(text("DELETE FROM alembic_version"))
        for head in heads:
            session.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    before = dict(app.extensions[health.STATE])
    app.extensions[health.STATE].update(started_at=at_now, migrated=False)
    yield app
    app.extensions[health.STATE].update(before)
    with transaction() as session:
        session.execute(text("DROP TABLE alembic_version"))


def beat(at):
    with transaction():
        pulse.beat(at)


def test_a_beating_program_is_well(migrated, client, at_now):
    beat(at_now)

    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ok"}


def test_a_heart_that_stands_still_for_three_minutes_is_told(migrated, client, at_now):
    beat(at_now)

    with clock.pretend(at_now + timedelta(minutes=2, seconds=59)):
        assert client.get("/healthz").status_code == 200
    with clock.pretend(at_now + timedelta(minutes=3, seconds=1)):
        answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json["reason"] == "heartbeat"


def test_a_fresh_installation_has_three_minutes_for_its_first_beat(migrated, client, at_now):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})

    with clock.pretend(at_now + timedelta(minutes=4)):
        assert client.get("/healthz").status_code == 503


def test_missing_migrations_are_told(migrated, client, at_now):
    beat(at_now)
    with transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    answer = client.get("/healthz")

    assert (answer.status_code, answer.json["reason"]) == (503, "migrations")


def test_a_database_that_cannot_be_written_is_told(migrated, client, at_now):
    beat(at_now)

    def lock(dbapi_connection, _record, _proxy):
        dbapi_connection.execute("PRAGMA query_only=ON").close()

    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "checkout", lock)
    try:
        answer = client.get("/healthz")
    finally:
        event.remove(db.engine, "checkout", lock)
        db.session.remove()
        db.engine.dispose()

    assert (answer.status_code, answer.json["reason"]) == (503, "database")


def test_it_says_nothing_about_anybody(migrated, client, company, at_now):
    answer = client.get("/healthz")

    assert set(answer.json) <= {"status", "reason", "message"}
    assert "Set-Cookie" not in answer.headers
