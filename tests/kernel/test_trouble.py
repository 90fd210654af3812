"""A database that goes away in the middle of the heartbeat costs nothing but time."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from npsapp import schedule
from npsapp.db import db, is_sqlite


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
