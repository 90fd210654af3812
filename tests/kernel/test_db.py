"""The database kernel: one door for writing, aware moments, foreign keys, no lost updates."""

import threading
from datetime import datetime
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from npsapp.accounts.models import UserRegion
from npsapp.db import WriteOutsideTransaction, db, insert_many, insert_one, is_sqlite, together, transaction
from npsapp.organization.models import Pool, Unit


def test_rows_cannot_be_changed_outside_a_transaction(app: Flask) -> None:
    db.session.add(Pool(name="x"))
    with pytest.raises(WriteOutsideTransaction):
        db.session.flush()
    db.session.rollback()
    with pytest.raises(WriteOutsideTransaction):
        db.session.execute(update(Pool).values(name="y"))


def test_a_transaction_commits_whole_or_not_at_all(app: Flask) -> None:
    def half_done() -> None:
        with transaction() as session:
            session.add(Pool(name="x"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()

    assert db.session.scalars(select(Pool)).all() == []


def test_transactions_are_not_nested(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="only the door"), transaction(), transaction():
        pass


def test_naive_moments_are_refused(company: SimpleNamespace) -> None:
    with pytest.raises(StatementError, match="without a time zone"), transaction() as session:
        session.execute(update(Unit).values(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_moments_come_back_aware(company: SimpleNamespace, now: datetime) -> None:
    db.session.rollback()

    assert db.session.scalars(select(Unit)).first().created_at == now


def test_foreign_keys_are_enforced(company: SimpleNamespace) -> None:
    with pytest.raises(IntegrityError), transaction() as session:
        session.execute(update(Unit).values(region_id=999_999))


def test_rows_written_together_are_all_there_and_a_read_one_goes_with_those_before_it(app: Flask) -> None:
    with transaction(), together():
        insert_many(Pool, [{"name": "a"}])
        insert_many(Pool, [{"name": "b"}, {"name": "100 %(name)s"}])
        number = insert_one(Pool, {"name": "d"})
        insert_many(Pool, [{"name": "e"}])

    assert sorted(db.session.scalars(select(Pool.name))) == ["100 %(name)s", "a", "b", "d", "e"]
    assert db.session.get_one(Pool, number).name == "d"


def test_one_refused_row_takes_those_written_together_with_it(app: Flask) -> None:
    def write() -> None:
        with transaction(), together():
            insert_many(Pool, [{"name": "new"}])
            insert_many(UserRegion, [{"user_id": 999_999, "region_id": 999_999}])
            insert_many(Pool, [{"name": "newer"}])

    with pytest.raises(IntegrityError):
        write()
    assert not {"new", "newer"} & set(db.session.scalars(select(Pool.name)))


@pytest.mark.sqlite_only
def test_sqlite_writes_ahead_and_waits(app: Flask) -> None:
    pragmas = {name: db.session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "busy_timeout")}

    assert pragmas == {"journal_mode": "wal", "busy_timeout": 15_000}


def test_reading_then_writing_loses_no_update_between_threads(company: SimpleNamespace, app: Flask) -> None:
    """Read, add one, write: with a deferred BEGIN this loses updates or ends in "database is locked"."""
    pool_id = company.pool.id
    with transaction() as session:
        session.execute(update(Pool).values(name="0"))
    errors: list[BaseException] = []

    def count_up() -> None:
        try:
            with app.app_context():
                for _ in range(25):
                    with transaction() as session:
                        pool = session.get_one(Pool, pool_id, with_for_update=not is_sqlite())
                        pool.name = str(int(pool.name) + 1)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    db.session.rollback()
    assert errors == []
    assert db.session.get_one(Pool, pool_id).name == "200"
