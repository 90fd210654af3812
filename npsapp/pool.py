"""What every connection to a database is given when it is made, and asked when it has rested."""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, Pool, PoolResetState

from npsapp import driver

BUSY_TIMEOUT_MS = 15_000
CACHES_BYTES = 2_000_000
"""What SQLite keeps in memory for all connections of a process: the file's pages lie in the system's memory anyway."""
CURSOR = "cursor"
"""Where a connection to PostgreSQL keeps the cursor of small statements: making one costs a quarter of running it."""
ASKED_AFTER_S = 1.0
"""A restarted server is noticed before a page fails; asked before every page it would cost more than the page."""


def look_after(engines: type[Engine]) -> None:
    """Set SQLite's pragmas, and ask PostgreSQL whether it is there, for all engines."""
    event.listen(engines, "connect", _prepare)
    event.listen(Pool, "reset", _take_back)
    event.listen(Pool, "checkin", _note_rest)
    event.listen(Pool, "checkout", _ask_after_rest)


def _prepare(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    if not driver.is_sqlite(dbapi_connection):
        dbapi_connection.autocommit = True  # a page or an answer of one statement needs no BEGIN and no COMMIT
        record.info[CURSOR] = dbapi_connection.cursor()
        return
    dbapi_connection.isolation_level = None  # whoever begins says which BEGIN
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "cache_size=-8000",
        f"soft_heap_limit={CACHES_BYTES}",
        "wal_autocheckpoint=4000",  # pages: an import writes the same ones again and again
    ):
        dbapi_connection.execute(f"PRAGMA {pragma}").close()


def _take_back(dbapi_connection: Any, _record: ConnectionPoolEntry, _state: PoolResetState) -> None:
    """Take back what was not committed; nothing is asked of a connection whose transaction has ended."""
    if driver.is_begun(dbapi_connection):
        dbapi_connection.rollback()


def _note_rest(dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    if not driver.is_sqlite(dbapi_connection):
        record.info["rests_since"] = time.monotonic()


def _ask_after_rest(dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    since = record.info.get("rests_since")
    if since and time.monotonic() - since > ASKED_AFTER_S:
        try:
            dbapi_connection.execute("SELECT 1")
            if driver.is_begun(dbapi_connection):  # somebody asked for another isolation, which ends its autocommit
                dbapi_connection.rollback()
        except dbapi_connection.Error as error:
            raise DisconnectionError from error
