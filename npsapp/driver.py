"""Statements as a database's driver takes them: compiled once, values and rows converted.

What SQLAlchemy does around each run of a statement costs more than the database does.
"""

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnDefault, DateTime, Dialect, Enum, Insert, Select, Table, Update, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC; naive values are refused at this border."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone reached the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def code(kind: type[StrEnum], name: str, length: int = 32) -> Enum:
    """A column type for one of our enums: its value as text, held by a named CHECK on both databases.

    A native PostgreSQL enum would survive a downgrade and stop the next upgrade.
    """
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        name=name,
        length=length,
        values_callable=lambda members: [member.value for member in members],
    )


class Made:
    """A statement as one kind of database takes it, and how its values and rows are converted."""

    def __init__(self, statement: Select[Any] | Update | Insert, dialect: Dialect) -> None:
        made: Any = statement.compile(dialect=dialect)
        self.sql, self.writes = str(made), not isinstance(statement, Select)
        self.positions: Sequence[str] | None = made.positiontup if made.positional else None
        self.converts = {
            name: convert for bind, name in made.bind_names.items() if (convert := _conversion(bind.type, dialect))
        }
        constants = {name: bind.value for bind, name in made.bind_names.items() if not bind.required}
        self.constants = {name: self._converted(name, value) for name, value in constants.items()}
        columns = [] if self.writes and not made.effective_returning else made._result_columns  # noqa: SLF001
        self.kind: Any = namedtuple("Row", [column.keyname for column in columns])  # type: ignore[misc] # noqa: PYI024
        kinds = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self.reads = [(at, convert) for at, convert in enumerate(kinds) if convert]

    def _converted(self, name: str, value: Any) -> Any:
        return self.converts[name](value) if name in self.converts else value

    def parameters(self, values: dict[str, Any]) -> Any:
        whole = self.constants | {name: self._converted(name, value) for name, value in values.items()}
        return whole if self.positions is None else [whole[name] for name in self.positions]

    def row(self, values: Sequence[Any]) -> Any:
        found = list(values)
        for at, convert in self.reads:
            found[at] = convert(found[at])
        return self.kind._make(found)


def begin(connection: Any, dialect: Dialect, *, writes: bool = False) -> None:
    """Begin a transaction: connections of both databases are opened without (see `pool.py`).

    SQLite's write lock is taken at once: a read that turns into a write would fail with "database is locked".
    """
    if dialect.name == "sqlite":
        execute(connection, dialect, "BEGIN IMMEDIATE" if writes else "BEGIN", ())
    else:
        execute(connection, dialect, "BEGIN", None)


def is_sqlite(connection: Any) -> bool:
    """Whether a driver's connection is SQLite's."""
    return isinstance(connection, sqlite3.Connection)


def is_begun(connection: Any) -> bool:
    """Whether a transaction has begun on a driver's connection."""
    return bool(connection.in_transaction if is_sqlite(connection) else connection.pgconn.transaction_status)


def execute(connection: Any, dialect: Dialect, sql: str, values: Any, *, many: bool = False, cursor: Any = None) -> Any:
    """Let a driver's connection run it, by a kept cursor if one is given, which forgets the rows of its last statement;
    what fails is raised as SQLAlchemy would raise it.
    """
    try:
        return connection.executemany(sql, values) if many else (cursor or connection).execute(sql, values)
    except connection.Error as error:
        raise raised(error, sql, connection, dialect) from error


def raised(error: Exception, sql: str, connection: Any, dialect: Dialect) -> BaseException:
    """An error of the driver as SQLAlchemy would raise it."""
    return DBAPIError.instance(sql, None, error, connection.Error, hide_parameters=True, dialect=dialect)


class Later(NamedTuple):
    """A value that an earlier one of several statements gives: its number and the column."""

    statement: int
    column: str


def as_one(statements: Sequence[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Statements for PostgreSQL as a single one that gives the rows of the last, see "WITH" in its manual, 7.8.4."""
    values, later = {}, []
    for at, (_sql, some) in enumerate(statements):
        for name, one in some.items():
            if type(one) is Later:
                later.append((f"{name}_{at}", one))
            else:
                values[f"{name}_{at}"] = one
    return _with(tuple([sql for sql, _values in statements]), tuple(later)), values


@lru_cache(maxsize=256)
def _with(statements: tuple[str, ...], later: tuple[tuple[str, Later], ...]) -> str:
    found = {name: f"(SELECT {one.column} FROM w{one.statement})" for name, one in later}  # noqa: S608

    def placed(at: int) -> Callable[[re.Match[str]], str]:
        return lambda match: found.get(f"{match[1]}_{at}", f"%({match[1]}_{at})s")

    *first, last = [_NAMED.sub(placed(at), sql) for at, sql in enumerate(statements)]
    return f"WITH {', '.join(f'w{at} AS ({sql})' for at, sql in enumerate(first))} {last}"


_NAMED = re.compile(r"%\((\w+)\)s")


@lru_cache(maxsize=256)
def insert_of(into: Table, dialect: Dialect, given: tuple[str, ...]) -> tuple[str, str, list[Any]]:
    """The INSERT of these columns and of those with a default: (name, type, conversion or None, default).

    For one row, and for PostgreSQL, where rows one by one cost more than the writing, for arrays of many.
    """
    defaults = {c.name: c.default.arg for c in into.c if isinstance(c.default, ColumnDefault) and c.default.is_scalar}
    names = [*given, *(name for name in defaults if name not in given)]
    compiled = insert(into).inline().compile(dialect=dialect, column_keys=names)
    kinds = {name: into.c[name].type for name in getattr(compiled, "positiontup", None) or names}
    arrays = ", ".join(f"%({name})s::{kind.compile(dialect)}[]" for name, kind in kinds.items())
    columns = ", ".join(map(dialect.identifier_preparer.quote, kinds))
    of_many = f"INSERT INTO {dialect.identifier_preparer.format_table(into)} ({columns}) SELECT * FROM unnest({arrays})"  # noqa: S608
    return (
        str(compiled),
        of_many,
        [(name, kind, _conversion(kind, dialect), defaults.get(name)) for name, kind in kinds.items()],
    )


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcDateTime) and dialect.name == "sqlite":
        return _as_sqlite_keeps
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _as_sqlite_keeps(moment: datetime | None) -> str | None:
    """As SQLAlchemy writes it, in a fifth of the time."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone reached the database")
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def converted(values: list[Any], convert: Callable[[Any], Any], kind: TypeEngine[Any]) -> list[Any]:
    """Values as the driver takes them; each different one is converted once, for columns repeat themselves."""
    if isinstance(kind, JSON):  # its values cannot be keys
        nothing = convert({})
        return [nothing if value == {} else convert(value) for value in values]
    if len(values) == 1:
        return [convert(values[0])]
    known = {value: convert(value) for value in set(values)}
    return [known[value] for value in values]
