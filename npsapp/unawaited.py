"""A statement that PostgreSQL runs while the program does something else: psycopg alone would wait for it.

Psycopg's pipeline mode takes several times the processor for the same.
"""

import importlib
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError

from npsapp import driver

NAME = b"npsapp_unawaited"
_PLACES = re.compile(r"%\((\w+)\)s|%%")


class Unawaited:
    """One statement on a driver's connection, which is in no transaction: made ready once, sent and awaited in turns.

    Each run commits by itself. Raises what SQLAlchemy would.
    """

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection, self._server, self._dialect = connection, connection.pgconn, dialect
        self._talk, self._errors = (importlib.import_module(f"psycopg.{name}") for name in ("generators", "errors"))
        self._sql, self._names = "", list[str]()
        self._under_way = False

    def send(self, sql: str, values: Mapping[str, Any]) -> None:
        """Give it to the server, which begins at once. Always the same `sql`; values are texts, numbers, moments."""
        if not self._sql:
            self._make_ready(sql)
        self._send(self._server.send_query_prepared, NAME, [_as_text(values[name]) for name in self._names])

    def wait(self) -> int:
        """Wait until it is committed; gives the number of rows it returned."""
        try:
            results = self._connection.wait(self._talk.fetch_many(self._server))
        except self._connection.Error as error:
            raise self._raised(error) from error
        finally:
            self._under_way = False
        for result in results:
            if result.error_message:
                raise self._raised(self._errors.error_from_result(result))
        return int(results[-1].ntuples)

    def _make_ready(self, sql: str) -> None:
        self._sql, self._names = sql, list(dict.fromkeys(found for found in _PLACES.findall(sql) if found))
        at = {name: f"${number}" for number, name in enumerate(self._names, 1)}
        numbered = _PLACES.sub(lambda found: at[found[1]] if found[1] else "%", sql)
        self._server.exec_(b"SET plan_cache_mode = force_generic_plan")  # else the first five runs are planned anew
        self._send(self._server.send_prepare, NAME, numbered.encode())
        self.wait()

    def _send(self, how: Any, *what: Any) -> None:
        try:
            how(*what)
            self._under_way = True
            self._connection.wait(self._talk.send(self._server))
        except self._connection.Error as error:
            raise self._raised(error) from error

    def _raised(self, error: Exception) -> BaseException:
        return driver.raised(error, self._sql, self._connection, self._dialect)

    def close(self) -> None:
        """Leave the connection as it was; what still runs is awaited, and fails unheard."""
        with suppress(DBAPIError, self._connection.Error):
            if self._under_way:
                self.wait()
            if self._sql:
                self._server.exec_(b"RESET plan_cache_mode; DEALLOCATE " + NAME)


def _as_text(value: Any) -> bytes | None:
    """A value as PostgreSQL reads it from text; the statement says of which type it is."""
    if isinstance(value, datetime):
        return value.isoformat().encode()
    return None if value is None else str(value).encode()
