"""A database that goes away in the middle of the heartbeat costs nothing but time."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from npsapp import schedule
from npsapp.config import engine_options
from npsapp.db import DATABASE_TROUBLE, db, is_sqlite
from tests.postgres import PostgresServer


@pytest.mark.usefixtures("app")
def test_a_chunk_is_not_blamed_for_a_database_that_went_away():
    tried: list[int] = []

    def deed(ids: list[int]) -> None:
        tried.append(len(ids))
        if is_sqlite():
            db.session.execute(text("PRAGMA query_only=ON"))
            db.session.execute(text("INSERT INTO cause (key, name, position) VALUES ('k', '{}', 0)"))
        else:
            db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    try:
        with pytest.raises(OperationalError):
            schedule._in_chunk([1, 2, 3], deed)
    finally:
        if is_sqlite():
            db.session.execute(text("PRAGMA query_only=OFF"))
            db.session.rollback()

    assert tried == [3]
    assert db.session.scalar(text("SELECT 1")) == 1


@pytest.mark.usefixtures("app")
def test_a_chunk_with_one_bad_item_does_the_others_alone():
    done: list[int] = []

    def deed(ids: list[int]) -> None:
        if 2 in ids:
            raise ValueError(2)
        done.extend(ids)

    assert schedule._in_chunk([1, 2, 3], deed) == {2}
    assert done == [1, 3]


def test_a_process_that_stands_still_in_a_transaction_lets_go_of_its_locks(postgres: PostgresServer):
    """A frozen machine or a stopped process answers nobody, and others must not wait for it for ever."""
    uri = postgres.database(f"frozen_{uuid4().hex}")
    frozen = create_engine(uri, poolclass=NullPool, **_without_pool(engine_options(uri, idle_s=0.5)))
    other = create_engine(uri, poolclass=NullPool, **_without_pool(engine_options(uri)))
    lock = text("SELECT pg_advisory_xact_lock(1)")

    with frozen.connect() as standing, other.begin() as waiting:
        standing.execute(lock)
        waiting.execute(text("SET LOCAL lock_timeout = '20s'"))
        waiting.execute(lock)
        with pytest.raises(DATABASE_TROUBLE):
            standing.execute(text("SELECT 1"))


def _without_pool(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if not name.startswith("pool_")}
