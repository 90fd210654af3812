"""The database: the model base, types, sessions for reading and `transaction()` for writing."""

import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as OfApplication
from sqlalchemy import (
    ARRAY,
    JSON,
    ColumnDefault,
    ColumnElement,
    CursorResult,
    DateTime,
    Delete,
    Dialect,
    Engine,
    Enum,
    Insert,
    MetaData,
    String,
    Table,
    Update,
    any_,
    event,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    Session,
    declared_attr,
    mapped_column,
    registry,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from npsapp import pool
from npsapp.lib.texts import underscored
from npsapp.permissions import Scope

DATABASE_TROUBLE = (OperationalError, InterfaceError)
"""The database is away, starting or locked: the fault of nothing that was being written, so it is done again later."""


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


Texts = dict[str, str]
"""Text that people typed, per language: `{"uk": "Київ", "ru": "Киев", "en": "Kyiv"}`."""


class Base(DeclarativeBase):
    """Base of all tables. Constraint names are spelled out by convention, so migrations can find them."""

    @declared_attr.directive
    def __tablename__(cls) -> str:
        """The name of the class in lower case: `UserRegion` is `user_region`."""
        return underscored(cls.__name__)

    registry = registry(
        type_annotation_map={
            datetime: UtcDateTime,
            dict[str, str]: JSON,
            dict[str, Any]: JSON,
            list[Any]: JSON,
            list[str]: JSON,
            str: String,
        }
    )
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Numbered(Base):
    """Base of tables whose rows are told apart by a number."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)


_writing: ContextVar[bool] = ContextVar("writing", default=False)
_connection: ContextVar[Connection | None] = ContextVar("connection", default=None)


class _Joining(OfApplication):
    """The session of a request or job; inside `transaction()` it works on that one's connection."""

    def get_bind(self, *args: Any, **options: Any) -> Engine | Connection:
        writer = _connection.get() if _writing.get() else None
        return writer or super().get_bind(*args, **options)


pool.look_after(Engine)
db = SQLAlchemy(model_class=Base, session_options={"class_": _Joining})

_one_writer = threading.RLock()  # SQLite: fair waiting inside one process instead of its back-off


class WriteOutsideTransaction(RuntimeError):
    """Something tried to change rows while only reading: open `transaction()` at the door."""


def init_app(app: Flask) -> None:
    """Bind the database; called once by `create_app`."""
    db.init_app(app)


@contextmanager
def transaction() -> Iterator[Session]:
    """Write: commit on leaving, roll back on any exception. Opened by doors only, never nested.

    Ends the read that is open, so that everything is read again inside, and takes SQLite's write lock at once
    (`BEGIN IMMEDIATE`): a read that turns into a write would fail with "database is locked". Nothing slow
    belongs inside: no hashing, no SMTP, no HTTP, no pictures.
    """
    session: Session = db.session()
    if _writing.get():
        raise RuntimeError("transaction() inside transaction(): only the door opens one")
    if session.in_transaction():
        if session.new or session.dirty or session.deleted:
            raise WriteOutsideTransaction("unsaved changes were made before transaction()")
        session.rollback()
    lock = _one_writer if is_sqlite() else nullcontext()
    token = _writing.set(True)
    try:
        with lock, db.engine.begin() as one:
            _connection.set(one)
            try:
                yield session
                if session.in_transaction():  # it joined: what waits in it is written, the connection commits
                    session.commit()
            except BaseException:
                session.rollback()
                raise
    finally:
        _connection.set(None)
        _writing.reset(token)


@contextmanager
def reading() -> Iterator[Session]:
    """Read, then let the snapshot go: for jobs and commands that work longer than one request."""
    session: Session = db.session()
    try:
        yield session
    finally:
        session.rollback()


@contextmanager
def glancing() -> Iterator[None]:
    """Read with one statement through `connection()`, without session and BEGIN: what every customer's page does."""
    with db.engine.connect() as one:
        if not is_sqlite():  # three round trips less
            one.execution_options(isolation_level="AUTOCOMMIT")
        _connection.set(one)
        try:
            yield
        finally:
            _connection.set(None)


@contextmanager
def together() -> Iterator[None]:
    """Send PostgreSQL the writes of this block without waiting for each; nothing may be read in it.

    What fails is raised at its end, as an error of the driver.
    """
    driver: Any = connection().connection.driver_connection
    with nullcontext() if is_sqlite() else driver.pipeline():
        yield


def connection() -> Connection:
    """What runs statements about a `table()`: the connection of `transaction()` or `glancing()`, else the session's."""
    return _connection.get() or db.session.connection()


def alone(deed: str) -> None:
    """Let no two transactions do the same deed at once: the second waits here, and then sees what the first wrote.

    For deeds that read many rows to decide about others; to be called before the first of them is read. SQLite has
    one writer anyway.
    """
    if not is_sqlite():
        db.session.execute(select(func.pg_advisory_xact_lock(zlib.crc32(deed.encode()))))


def change(statement: Update | Delete | Insert) -> int:
    """Run one UPDATE, DELETE or INSERT and give the number of rows it touched: who gets 0 came too late."""
    result = db.session.execute(statement)
    return int(getattr(result, "rowcount", 0))


def put(row: Base, values: Mapping[str, Any]) -> list[str]:
    """Set columns of a row; gives the names of those that changed, in the order of the alphabet."""
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    for name in changed:
        setattr(row, name, values[name])
    return changed


def table(model: type[Base]) -> Table:
    """The table of a model, for statements that go past the mapper."""
    return cast(Table, model.__table__)


def write(statement: Update | Insert, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
    """Run a statement about a `table()`, made beforehand: building and mapping cost more than the database."""
    if not _writing.get():
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
    db.session.flush()
    return connection().execute(statement, values)


def insert_unless_there(model: type[Base]) -> Any:
    """An INSERT of this database's own dialect, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    kind = sqlite.insert if is_sqlite() else postgresql.insert
    return kind(table(model))


def insert_many(model: type[Base], rows: Sequence[dict[str, Any]], **same: Any) -> None:
    """Write many rows with one statement; `same` are columns with one value for all.

    Goes past the mapper and past SQLAlchemy's own parameters, which cost more than the database: values are
    converted column by column. Every column without a default must be named, in the first row or in `same`.
    """
    if not rows:
        return
    if not _writing.get():
        raise WriteOutsideTransaction("rows were written outside transaction()")
    db.session.flush()
    writer, first = connection(), rows[0]
    sql, sql_of_many, into = _insert(
        table(model), writer.dialect, (*first, *(name for name in same if name not in first))
    )
    columns = []
    for name, kind, convert, default in into:
        given = [row[name] for row in rows] if name in first else [same.get(name, default)] * len(rows)
        columns.append(_converted(given, convert, kind) if convert else given)
    names = [name for name, *_rest in into]
    if is_sqlite():
        values = list(zip(*columns, strict=True))
        writer.exec_driver_sql(sql, values if len(values) > 1 else values[0])
    elif len(rows) > 1:
        writer.exec_driver_sql(sql_of_many, dict(zip(names, columns, strict=True)))
    else:
        writer.exec_driver_sql(sql, {name: column[0] for name, column in zip(names, columns, strict=True)})


@lru_cache(maxsize=256)
def _insert(into: Table, dialect: Dialect, given: tuple[str, ...]) -> tuple[str, str, list[Any]]:
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
        [
            (name, kind, kind.dialect_impl(dialect).bind_processor(dialect), defaults.get(name))
            for name, kind in kinds.items()
        ],
    )


def _converted(values: list[Any], convert: Callable[[Any], Any], kind: TypeEngine[Any]) -> list[Any]:
    """Values as the driver takes them; each different one is converted once, for columns repeat themselves."""
    if isinstance(kind, JSON):  # its values cannot be keys
        return list(map(convert, values))
    if len(values) == 1:
        return [convert(values[0])]
    known = {value: convert(value) for value in set(values)}
    return [known[value] for value in values]


def new_ids(model: type[Base], count: int) -> Sequence[int]:
    """Ids for rows to be written with `insert_many`: asked for ids, SQLite inserts row by row."""
    if not count:
        return []
    ids = table(model).c.id
    if is_sqlite():  # this transaction is the only one that writes
        last = db.session.scalar(select(func.max(ids))) or 0
        return range(last + 1, last + 1 + count)
    following = func.nextval(func.pg_get_serial_sequence(ids.table.fullname, "id"))
    return db.session.scalars(select(following).select_from(func.generate_series(1, count))).all()


def one_of(column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """`column IN (values)` as one parameter: hundreds of them cost more than the search itself."""
    wanted = list(values)
    if not is_sqlite():
        return column == any_(literal(wanted, ARRAY(column.type)))
    rows = func.json_each(literal(json.dumps(wanted), String)).table_valued("value")
    return column.in_(select(rows.c.value))


def is_sqlite() -> bool:
    """Whether the current application's database is SQLite."""
    return db.engine.dialect.name == "sqlite"


def within(column: InstrumentedAttribute[int | None], scope: Scope) -> ColumnElement[bool]:
    """The condition that keeps rows inside a user's regions; it belongs into every query staff pages use."""
    if scope.regions is None:
        return true()
    return column.in_(sorted(scope.regions))


def within_or_own(
    column: InstrumentedAttribute[int | None], scope: Scope, owner: InstrumentedAttribute[int], user_id: int
) -> ColumnElement[bool]:
    """As `within`, and the rows the user owns: a fallback owner answers for regions of others."""
    return or_(within(column, scope), owner == user_id)


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (_writing.get() or not _connection.get()):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


@event.listens_for(Session, "before_flush")
def _refuse_flush_while_reading(session: Session, _context: Any, _instances: Any) -> None:
    if not _writing.get() and (session.new or session.dirty or session.deleted):
        raise WriteOutsideTransaction("rows were changed outside transaction()")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statement_while_reading(state: Any) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and not _writing.get():
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
