"""The database kernel: one door for writing, aware moments, foreign keys, no lost updates."""

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from npsapp.accounts.models import UserRegion
from npsapp.audit.models import AuditEntry
from npsapp.db import (
    Ready,
    WriteOutsideTransaction,
    db,
    insert_many,
    insert_one,
    is_sqlite,
    table,
    together,
    transaction,
)
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


def test_rows_written_together_are_all_there_and_hold_ids_of_those_before_them(app: Flask) -> None:
    with transaction(), together():
        insert_many(Pool, [{"name": "a"}])
        insert_many(Pool, [{"name": "b"}, {"name": "100 %(name)s"}])
        number = insert_one(Pool, {"name": "d"})
        _note("d", number)
        _note("e", insert_one(Pool, {"name": "e"}))

    assert sorted(db.session.scalars(select(Pool.name))) == ["100 %(name)s", "a", "b", "d", "e"]
    assert _noted() == {"d": "d", "e": "e"}


def test_many_rows_may_hold_what_an_earlier_statement_gives(app: Flask) -> None:
    with transaction(), together():
        number = insert_one(Pool, {"name": "a"})
        who = {"at": datetime(2026, 1, 1, tzinfo=UTC), "actor_type": "program", "subject_type": "pool", "data": {}}
        insert_many(AuditEntry, [{"event": event, "subject_id": number} for event in "bcd"], **who)

    assert _noted() == dict.fromkeys("bcd", "a")


def _note(event: str, subject_id: Any) -> None:
    who = {"at": datetime(2026, 1, 1, tzinfo=UTC), "actor_type": "program", "subject_type": "pool", "data": {}}
    insert_many(AuditEntry, [{"event": event, "subject_id": subject_id}], **who)


def _noted() -> dict[str, str]:
    about = select(AuditEntry.event, Pool.name).join(Pool, Pool.id == AuditEntry.subject_id)
    return dict(row for row in db.session.execute(about.where(AuditEntry.subject_type == "pool")))


RENAMED = Ready(
    update(table(Pool))
    .where(table(Pool).c.name == bindparam("old"))
    .values(name=bindparam("new"))
    .returning(table(Pool).c.id, table(Pool).c.name)
)


def test_a_statement_that_is_all_commits_itself(app: Flask) -> None:
    db.session.remove()
    with transaction():
        with together(whole=True):
            insert_one(Pool, {"name": "a"})
            _note("a", insert_one(Pool, {"name": "b"}))
        assert is_sqlite() or _names_seen_by_others() == ["a", "b"]

    assert _names_seen_by_others() == ["a", "b"]
    assert _noted() == {"a": "b"}


def test_what_an_earlier_statement_did_not_find_refuses_all_that_are_sent_with_it(app: Flask) -> None:
    with transaction():
        insert_many(Pool, [{"name": "one"}])
    db.session.remove()

    def rename(old: str, new: str) -> None:
        with transaction(), together(whole=True):
            [name] = RENAMED.later("name", old=old, new=new)
            insert_one(Pool, {"name": name})
            insert_one(Pool, {"name": "third"})

    rename("one", "two")
    assert _names_seen_by_others() == ["third", "two", "two"]
    db.session.remove()
    with pytest.raises(IntegrityError):
        rename("one", "three")
    assert _names_seen_by_others() == ["third", "two", "two"]


def test_nothing_is_written_after_a_statement_that_was_all(app: Flask) -> None:
    def write() -> None:
        with transaction():
            with together(whole=True):
                insert_one(Pool, {"name": "a"})
            insert_one(Pool, {"name": "b"})

    db.session.remove()
    if is_sqlite():
        write()
        assert _names_seen_by_others() == ["a", "b"]
        return
    with pytest.raises(WriteOutsideTransaction, match="only statement"):
        write()
    assert _names_seen_by_others() == ["a"]


def test_what_is_all_joins_a_transaction_that_has_begun(app: Flask) -> None:
    def write() -> None:
        with transaction():
            insert_many(Pool, [{"name": "a"}])
            with together(whole=True):
                insert_one(Pool, {"name": "b"})
            insert_many(Pool, [{"name": "c"}])
            raise LookupError

    db.session.remove()
    with pytest.raises(LookupError):
        write()
    assert _names_seen_by_others() == []


def _names_seen_by_others() -> list[str]:
    with db.engine.connect() as other:
        return sorted(other.scalars(select(Pool.name)))


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
