"""The database: sessions for reading, `transaction()` for writing, statements that go past the mapper."""

import json
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as OfApplication
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Delete,
    Dialect,
    Engine,
    Insert,
    Select,
    String,
    Table,
    Update,
    any_,
    event,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.orm import InstrumentedAttribute, Session

from npsapp import driver, pool
from npsapp.driver import Made, UtcDateTime as UtcDateTime, code as code
from npsapp.permissions import Scope
from npsapp.tables import Base as Base, Numbered as Numbered

DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError)
"""The database is away, starting or locked, or took back a transaction that stood still: the fault of nothing that was
being written, so it is done again later."""

Texts = dict[str, str]
"""Text that people typed, per language: `{"uk": "Київ", "ru": "Киев", "en": "Kyiv"}`."""


Row = TypeVar("Row", bound=Base)
_writing: ContextVar[bool] = ContextVar("writing", default=False)
_connection: ContextVar[Connection | None] = ContextVar("connection", default=None)
_own: ContextVar[tuple[Any, Dialect] | None] = ContextVar("own", default=None)
"""The driver's connection of the `transaction()` or `glancing()` that is open."""
_waiting: ContextVar[list[tuple[str, Any]] | None] = ContextVar("waiting", default=None)


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
    session = cast(Session, db.session)  # made when somebody needs it: a customer's answer does not
    if _writing.get():
        raise RuntimeError("transaction() inside transaction(): only the door opens one")
    if _has_session() and db.session().in_transaction():
        if db.session.new or db.session.dirty or db.session.deleted:
            raise WriteOutsideTransaction("unsaved changes were made before transaction()")
        db.session.rollback()
    lock = _one_writer if is_sqlite() else nullcontext()
    token = _writing.set(True)
    try:
        with lock, db.engine.begin() as one:
            _connection.set(one)
            _own.set((one.connection.dbapi_connection, one.dialect))
            try:
                yield session
                if _has_session() and db.session().in_transaction():
                    session.commit()  # it joined: what waits in it is written, the connection commits
            except BaseException:
                session.rollback()
                raise
    finally:
        _connection.set(None)
        _own.set(None)
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
    """Read with one `Ready` statement, without session and BEGIN: what every customer's page does."""
    engine = db.engine
    with closing(engine.raw_connection()) as one:
        own: Any = one.dbapi_connection
        at_once = engine.dialect.name != "sqlite"  # three round trips less
        if at_once:
            own.autocommit = True
        _own.set((own, engine.dialect))
        try:
            yield
        finally:
            _own.set(None)
            if at_once:
                own.autocommit = False


@contextmanager
def together() -> Iterator[None]:
    """Send PostgreSQL the rows and `Ready` statements of this block as one statement: each way there and back costs
    more than the writing. A row that is read goes with all before it, and sees nothing of them.

    No two may touch the same row, nothing may ask how many were touched, and what fails may be raised at the end only.
    """
    if _has_session():
        db.session.flush()
    waiting = _waiting.set(None if is_sqlite() else [])
    try:
        yield
        if _waiting.get():
            _execute("SELECT", {})
    finally:
        _waiting.reset(waiting)


def connection() -> Connection:
    """What runs statements about a `table()`: the connection of `transaction()`, else the session's."""
    return _connection.get() or db.session.connection()


def _driver() -> tuple[Any, Dialect]:
    """The driver's own connection, of what is open or of `connection()`."""
    return _own.get() or (connection().connection.dbapi_connection, _dialect())


def _dialect() -> Dialect:
    own = _own.get()
    return own[1] if own else db.engine.dialect


def _has_session() -> bool:
    return db.session.registry.has()


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


def added(row: Row) -> Row:
    """Write a new row at once, so that it has its number."""
    db.session.add(row)
    db.session.flush()
    return row


def pairs(asked: Any) -> dict[Any, Any]:
    """What a statement about two columns gives: the first → the second."""
    return {row[0]: row[1] for row in db.session.execute(asked)}


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
    _before_writing()
    return connection().execute(statement, values)


class Ready:
    """A statement about a `table()`, made ready once and run by the driver: what SQLAlchemy does around it costs more
    than the database.

    It may have values by name and constants, but no lists of values and no columns left to their defaults.
    """

    def __init__(self, statement: Select[Any] | Update | Insert) -> None:
        self._statement = statement
        self._made: dict[str, Made] = {}

    def rows(self, **values: Any) -> list[Any]:
        """Run it and give its rows, or those of its RETURNING."""
        made = self._ready()
        return [made.row(row) for row in self._run(made, values)]

    def one(self, **values: Any) -> Any | None:
        """The only row, or None."""
        rows = self.rows(**values)
        return rows[0] if rows else None

    def run(self, **values: Any) -> None:
        """Run it, inside `together()` without waiting for it."""
        self._run(self._ready(), values, waits=True)

    def _ready(self) -> Made:
        dialect = _dialect()
        return self._made.get(dialect.name) or self._made.setdefault(dialect.name, Made(self._statement, dialect))

    def _run(self, made: Made, values: dict[str, Any], *, waits: bool = False) -> Any:
        if made.writes:
            _before_writing()
        return _execute(made.sql, made.parameters(values), waits=waits)


def _before_writing() -> None:
    if not _writing.get():
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
    if _has_session():
        db.session.flush()


def _execute(sql: str, values: Any, *, many: bool = False, waits: bool = False) -> Any:
    """Run it, with what waits for it; `waits`: inside `together()`, only with what comes after it."""
    waiting = _waiting.get()
    if waiting is not None and waits:
        return waiting.append((sql, values))
    if waiting:
        sql, values = driver.as_one((*waiting, (sql, values)))
        waiting.clear()
    return driver.execute(*_driver(), sql, values, many=many)


def insert_unless_there(model: type[Base]) -> Any:
    """An INSERT of this database's own dialect, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    kind = sqlite.insert if is_sqlite() else postgresql.insert
    return kind(table(model))


def insert_many(model: type[Base], rows: Sequence[dict[str, Any]], **same: Any) -> None:
    """Write many rows with one statement; `same` are columns with one value for all.

    Goes past the mapper and past SQLAlchemy's own parameters, which cost more than the database: values are
    converted column by column. Every column without a default must be named, in the first row or in `same`.
    """
    if len(rows) < 2:
        for row in rows:
            _insert_row(model, row | same)
        return
    _before_writing()
    dialect, first = _dialect(), rows[0]
    every = (*first, *(name for name in same if name not in first))
    sql, sql_of_many, into = driver.insert_of(table(model), dialect, every)
    columns = []
    for name, kind, convert, default in into:
        given = [row[name] for row in rows] if name in first else [same.get(name, default)] * len(rows)
        columns.append(driver.converted(given, convert, kind) if convert else given)
    names = [name for name, *_rest in into]
    if dialect.name == "sqlite":
        _execute(sql, list(zip(*columns, strict=True)), many=True)
    else:
        _execute(sql_of_many, dict(zip(names, columns, strict=True)), waits=True)


def insert_one(model: type[Base], row: Mapping[str, Any]) -> int:
    """Write a row past the mapper, as `insert_many` does; gives its id."""
    done = _insert_row(model, row, " RETURNING id")
    return int(done.lastrowid if is_sqlite() else done.fetchone()[0])


def _insert_row(model: type[Base], row: Mapping[str, Any], returning: str = "") -> Any:
    _before_writing()
    sql, _of_many, into = driver.insert_of(table(model), _dialect(), tuple(row))
    given = [(name, row.get(name, default), convert) for name, _kind, convert, default in into]
    values = {name: convert(value) if convert else value for name, value, convert in given}
    return _execute(*((sql, list(values.values())) if is_sqlite() else (sql + returning, values)), waits=not returning)


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
    return _dialect().name == "sqlite"


def within(column: InstrumentedAttribute[int | None], scope: Scope) -> ColumnElement[bool]:
    """The condition that keeps rows inside a user's regions; it belongs into every query staff pages use."""
    if scope.regions is None:
        return true()
    return column.in_(sorted(scope.regions))


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        begin = "BEGIN IMMEDIATE" if _writing.get() else "BEGIN"
        driver.execute(connection.connection.dbapi_connection, connection.dialect, begin, ())


@event.listens_for(Session, "before_flush")
def _refuse_flush_while_reading(session: Session, _context: Any, _instances: Any) -> None:
    if not _writing.get() and (session.new or session.dirty or session.deleted):
        raise WriteOutsideTransaction("rows were changed outside transaction()")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statement_while_reading(state: Any) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and not _writing.get():
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
