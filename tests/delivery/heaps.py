"""Many letters at once, and how much work SQLite has with them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from npsapp.db import db, transaction
from npsapp.delivery.models import Message


def copy_letters(count: int, *, message_id: int, **over: str) -> None:
    """Many letters like one; `over` are SQL expressions by column."""
    own = {"id": "1000000 + n", "message_id": "n"} | over
    columns = [column.name for column in Message.__table__.columns]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(own.get(name, f'"{name}"') for name in columns)
    numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"
    sql = f"{numbers} INSERT INTO message ({names}) SELECT {values} FROM numbers, message WHERE id = :id"  # noqa: S608
    with transaction() as session:
        session.execute(text(sql), {"count": count, "id": message_id})


@contextmanager
def counted_steps() -> Iterator[Callable[[], int]]:
    """How many hundreds of steps SQLite's machine makes inside the block, on the connection of the session."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    driver: Any = db.session.connection().connection.dbapi_connection
    driver.set_progress_handler(step, 100)
    yield lambda: count
    driver.set_progress_handler(None, 0)
