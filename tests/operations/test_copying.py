"""Moving an installation to another database: everything or nothing, and never over somebody's rows."""

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, func, insert, inspect, select, text

from npsapp.accounts.models import LoginAttempt
from npsapp.cases.models import Cause
from npsapp.db import db, is_sqlite, reading, transaction
from npsapp.office.health import revisions
from npsapp.operations import copying
from npsapp.organization.models import Pool
from npsapp.surveys.models import Survey
from tests import factories as make
from tests.conftest import Backing
from tests.journeys.conftest import Installation, install, wait_until  # noqa: F401 - a fixture
from tests.postgres import PostgresServer

NIGHT = "2026-03-29 00:59:59.123456+00:00"  # an hour that Kyiv's clocks know twice in autumn, not in spring


@pytest.fixture
def target_url(app: Flask, postgres: PostgresServer, tmp_path: Path) -> str:
    """A new database of the other kind."""
    return postgres.database(f"copy_{uuid4().hex}") if is_sqlite() else f"sqlite:///{tmp_path / 'copy.db'}"


@pytest.fixture
def target(target_url: str):
    """Looking into it."""
    engine = create_engine(target_url)
    yield engine
    engine.dispose()


@pytest.fixture
def copy(app: Flask) -> Callable[..., str]:
    """`copy(url, …)`: what `flask db copy` says; it must succeed unless `fails`."""

    def run(*words: str, fails: bool = False) -> str:
        db.session.remove()
        done = app.test_cli_runner().invoke(args=["db", "copy", *words])
        assert (done.exit_code != 0) == fails, done.output
        return done.output

    return run


@pytest.fixture
def history(company: SimpleNamespace, now: datetime) -> SimpleNamespace:
    """Rows of all kinds: an answer, references within a table, empty and untidy JSON, late references, odd words."""
    _stamp_as_migrated()
    with transaction() as session:
        make.make_response(company, now=now, score=2, comment="Лоток тріснув 😟\n\t'\"\\ %s :x")
        kept, merged = (make.make_customer(company, now=now, name=name) for name in ("Olena", "Ольга"))
        session.flush()
        kept.merged_into_id = merged.id  # refers to a row that comes later
        cause = Cause(key="late", name={"en": "Late"}, position=1)
        session.add(cause)
        session.flush()
        session.add(Cause(key="very_late", name={"en": "Very late"}, position=2, parent_id=cause.id))
        session.execute(text('UPDATE region SET aliases = \'[ "b","a" ]\', created_at = :at'), {"at": _moment(NIGHT)})
    return company


def _moment(value: str) -> object:
    return value.removesuffix("+00:00") if is_sqlite() else datetime.fromisoformat(value)


def _stamp_as_migrated() -> None:
    """The tables of the tests were not made by migrations."""
    with reading():
        head = revisions()[1].pop()
    with transaction() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
        session.execute(text("DELETE FROM alembic_version"))
        session.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        tables = db.metadata.sorted_tables
        return {one.name: connection.scalar(select(func.count()).select_from(one)) or 0 for one in tables}


def test_every_row_arrives_as_it_was(history, copy, target_url, target):
    before = counts(db.engine)
    assert sum(before.values()) > 30

    said = copy(target_url)

    assert f"{sum(before.values())} rows were copied and compared" in said
    assert counts(target) == before
    with target.connect() as there, db.engine.connect() as here:
        for table in db.metadata.sorted_tables:
            key = list(table.primary_key)
            rows = [connection.execute(select(table).order_by(*key)).all() for connection in (here, there)]
            assert rows[0] == rows[1], table.name
        assert there.scalar(text("SELECT CAST(aliases AS TEXT) FROM region")) == '[ "b","a" ]'
        assert there.execute(select(Survey.version_id)).scalar_one() is not None


def test_new_rows_get_new_ids_in_the_copy(history, copy, target_url, target):
    copy(target_url)

    with target.begin() as there:
        last = there.scalar(select(func.max(Pool.id)))
        assert there.execute(insert(Pool).values(name="Second").returning(Pool.id)).scalar_one() == last + 1
        assert there.execute(insert(Cause).values(key="x", name={}, position=9).returning(Cause.id)).scalar()


def test_a_database_that_holds_rows_is_refused(history, copy, target_url, target):
    copy(target_url)
    before = counts(target)

    said = copy(target_url, fails=True)

    assert "not empty" in said
    assert counts(target) == before


def test_tables_of_another_program_are_refused(history, copy, target_url, target):
    with target.begin() as there:
        there.execute(text("CREATE TABLE wp_posts (id INTEGER)"))
        there.execute(text("INSERT INTO wp_posts VALUES (1)"))

    assert "wp_posts holds rows" in copy(target_url, fails=True)
    with target.connect() as there:
        assert not inspect(there).has_table("brand")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://nowhere/x", "must begin with"),
        ("postgresql+psycopg://npsapp:secret@127.0.0.1:1/x", "cannot be reached"),
        ("sqlite:////nowhere/at/all.db", "cannot be reached"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence(history, copy, url, reason):
    said = copy(url, fails=True)

    assert reason in said
    assert "Traceback" not in said
    assert "secret" not in said


def test_a_database_in_use_is_copied_only_on_demand(history, copy, target_url, target):
    uri = db.engine.url.render_as_string(hide_password=False)
    other = create_engine(uri)
    with other.connect() as connection:
        connection.execute(select(Pool.id))
        connection.rollback()

        assert "stop web and worker" in copy(target_url, fails=True)
        assert "rows were copied" in copy(target_url, "--anyway")
    other.dispose()


def test_a_difference_keeps_nothing(history, copy, target_url, target):
    """A trigger stands for whatever changes a row on its way."""
    copying._migrate(target)
    with target.begin() as there:
        for statement in TRIGGER_POSTGRES if target.dialect.name == "postgresql" else TRIGGER_SQLITE:
            there.execute(text(statement))

    said = copy(target_url, fails=True)

    assert "region differs" in said
    assert not any(counts(target).values())


@pytest.mark.sqlite_only
def test_rows_the_target_cannot_hold_are_named_and_nothing_is_kept(history, copy, target_url, target):
    """SQLite holds NUL in a text, PostgreSQL does not."""
    with transaction() as session:
        session.execute(text("UPDATE pool SET name = 'a' || char(0) || 'b'"))

    said = copy(target_url, fails=True)

    assert "refuses rows of pool" in said
    assert not any(counts(target).values())


def test_missing_migrations_are_told(history, copy, target_url):
    with transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    assert "db upgrade" in copy(target_url, fails=True)


@pytest.mark.parametrize("backing", ["sqlite"], indirect=True)
def test_a_killed_copy_leaves_an_empty_target_that_the_next_one_fills(install, backing: Backing, postgres):  # noqa: F811
    installation: Installation = install()
    with installation.engine.begin() as connection:
        attempts = [{"key": f"somebody {number}", "at": datetime.now(UTC)} for number in range(3000)]
        connection.execute(insert(LoginAttempt), attempts)
        connection.execute(insert(Pool), [{"name": "First"}])
    url = postgres.database(f"copy_{uuid4().hex}")
    Installation(installation.folder, SQLALCHEMY_DATABASE_URI=url).flask("db", "upgrade")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE pool IN SHARE MODE"))  # may be read, not written: the copy hangs there
        copying_it = installation.start("db", "copy", url)
        wait_until(lambda: connection.execute(text(WAITING)).first(), "the copy comes to the pools")
        os.kill(copying_it.pid, signal.SIGKILL)
        copying_it.wait()

    wait_until(lambda: not any(counts(engine).values()), "nothing is left of it")
    assert "3001 rows were copied" in installation.flask("db", "copy", url)
    assert counts(engine)["login_attempt"] == 3000
    engine.dispose()


WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'pool'::regclass"
TRIGGER_SQLITE = (
    "CREATE TRIGGER spoil AFTER INSERT ON region BEGIN UPDATE region SET key = key || ' ' WHERE id = NEW.id; END",
)
TRIGGER_POSTGRES = (
    "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.key = NEW.key || ' '; RETURN NEW; END $$",
    "CREATE TRIGGER spoil BEFORE INSERT ON region FOR EACH ROW EXECUTE FUNCTION spoil()",
)
