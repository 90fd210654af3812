"""The database: sessions for reading, `transaction()` for writing, statements that go past the mapper."""

import json
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from typing import Any, TypeVar, cast

from flask import Flask
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CursorResult,
    Delete,
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

from npsapp import driver
from npsapp.driver import Later, Made, UtcDateTime as UtcDateTime, code as code
from npsapp.opened import (
    Open,
    WriteOutsideTransaction as WriteOutsideTransaction,
    current,
    db as db,
    dialect,
    execute,
    has_session,
    is_sqlite as is_sqlite,
    is_writing as is_writing,
    writer,
)
from npsapp.permissions import Scope
from npsapp.tables import Base as Base, Numbered as Numbered
from npsapp.unawaited import Unawaited

DATABASE_TROUBLE = (OperationalError, InterfaceError, InternalError)
"""The database is away, starting or locked, or took back a transaction that stood still: the fault of nothing that was
being written, so it is done again later."""

Texts = dict[str, str]
"""Text that people typed, per language: `{"uk": "Київ", "ru": "Киев", "en": "Kyiv"}`."""


Row = TypeVar("Row", bound=Base)
_one_writer = threading.RLock()  # SQLite: fair waiting inside one process instead of its back-off


def init_app(app: Flask) -> None:
    """Bind the database; called once by `create_app`."""
    db.init_app(app)


@contextmanager
def transaction() -> Iterator[Session]:
    """Write: commit on leaving, roll back on any exception. Opened by doors only, never nested.

    Ends the read that is open, so that everything is read again inside, and takes SQLite's write lock at once; on
    PostgreSQL each statement sees what others have committed before it. Nothing slow belongs inside: no hashing, no
    SMTP, no HTTP, no pictures.
    """
    session = cast(Session, db.session)  # made when somebody needs it: a customer's answer does not
    if is_writing():
        raise RuntimeError("transaction() inside transaction(): only the door opens one")
    if has_session() and db.session().in_transaction():
        if db.session.new or db.session.dirty or db.session.deleted:
            raise WriteOutsideTransaction("unsaved changes were made before transaction()")
        db.session.rollback()
    with _one_writer if is_sqlite() else nullcontext():
        opened = Open(db.engine, writes=True)
        token = current.set(opened)
        try:
            if opened.is_sqlite:
                opened.begin()
            yield session
            if opened.has_session and db.session().in_transaction():
                session.commit()  # it joined: what waits in it is written, the connection commits
            _commit(opened)
        except BaseException:
            if opened.has_session:
                session.rollback()
            raise
        finally:
            current.reset(token)
            opened.close()


def _commit(opened: Open) -> None:
    if opened.mapped:
        opened.mapped.commit()
        return
    if not opened.begun:
        return
    try:
        opened.own.commit()
    except opened.own.Error as error:
        raise driver.raised(error, "COMMIT", opened.own, opened.dialect) from error


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
    opened = Open(db.engine, writes=False)
    token = current.set(opened)
    try:
        yield
    finally:
        current.reset(token)
        opened.close()


@contextmanager
def meanwhile(*statements: "Ready") -> Iterator[Callable[..., Callable[[], bool]]]:
    """Write while doing something else. The function given takes the values of each statement and does not wait; what
    it gives waits for the commit, and says whether the last statement returned a row.

    PostgreSQL gets all as one statement that commits by itself, as with `together()`. SQLite writes at once.
    """
    if is_sqlite():
        yield lambda *values: _written(statements, values)
        return
    with closing(db.engine.raw_connection()) as one, closing(Unawaited(one.dbapi_connection, dialect())) as unawaited:
        yield lambda *values: _sent(unawaited, statements, values)


def _written(statements: Sequence["Ready"], values: Sequence[dict[str, Any]]) -> Callable[[], bool]:
    with transaction():
        found = [one.rows(**given) for one, given in zip(statements, values, strict=True)]
    return lambda: bool(found[-1])


def _sent(unawaited: Unawaited, statements: Sequence["Ready"], values: Sequence[dict[str, Any]]) -> Callable[[], bool]:
    unawaited.send(*driver.as_one([one.made(**given) for one, given in zip(statements, values, strict=True)]))
    return cache(lambda: unawaited.wait() > 0)


@contextmanager
def together(*, whole: bool = False) -> Iterator[None]:
    """Send PostgreSQL the rows and `Ready` statements of this block as one statement: each way there and back costs
    more than the writing. A row that is read goes with all before it, and sees nothing of them. Inside another
    `together()` it is part of that one.

    No two may touch the same row, nothing may ask how many were touched, and what fails may be raised at the end only.
    `whole`: it is all that this transaction writes, so PostgreSQL commits it by itself; nothing may be written after.
    """
    outer = current.get()
    if outer and outer.waiting is not None:
        yield
        return
    opened = _alone() if whole else writer()
    opened.waiting = None if opened.is_sqlite else []
    try:
        yield
        if opened.waiting:
            execute("SELECT", {})
    finally:
        opened.waiting = None
        opened.over, opened.alone = opened.alone, False


def _alone() -> Open:
    """The open transaction, of which PostgreSQL needs none if nothing has been written in it."""
    opened = current.get()
    if opened is None or not opened.writes or opened.begun or opened.has_session:
        return writer()
    opened.alone = True
    return opened


def connection() -> Connection:
    """What runs statements about a `table()`: the connection of `transaction()`, else the session's."""
    opened = current.get()
    return opened.connection() if opened and opened.writes else db.session.connection()


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
    return writer().connection().execute(statement, values)


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

    def later(self, *columns: str, **values: Any) -> list[Any]:
        """Values of the row it gives, None without a row; inside `together()` stand-ins for later statements."""
        if (opened := writer()).waiting is None:
            row = self.one(**values)
            return [row and getattr(row, column) for column in columns]
        self.run(**values)
        return [Later(len(opened.waiting) - 1, column) for column in columns]

    def made(self, **values: Any) -> tuple[str, Any]:
        """As the driver takes it: the statement, and the values converted."""
        made = self._ready()
        return made.sql, made.parameters(values)

    def _ready(self) -> Made:
        kind = dialect()
        return self._made.get(kind.name) or self._made.setdefault(kind.name, Made(self._statement, kind))

    def _run(self, made: Made, values: dict[str, Any], *, waits: bool = False) -> Any:
        if made.writes:
            writer()
        return execute(made.sql, made.parameters(values), waits=waits)


def insert_unless_there(model: type[Base]) -> Any:
    """An INSERT of this database's own dialect, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    kind = sqlite.insert if is_sqlite() else postgresql.insert
    return kind(table(model))


def insert_many(model: type[Base], rows: Sequence[dict[str, Any]], **same: Any) -> None:
    """Write many rows with one statement; `same` are columns with one value for all.

    Goes past the mapper and past SQLAlchemy's own parameters, which cost more than the database: values are
    converted column by column. Every column without a default must be named, in the first row or in `same`.
    """
    if len(rows) < 2 or Later in map(type, rows[0].values()):  # a stand-in is no value of an array
        for row in rows:
            _insert_row(writer(), model, row | same)
        return
    spoken, first = writer().dialect, rows[0]
    every = (*first, *(name for name in same if name not in first))
    sql, sql_of_many, into = driver.insert_of(table(model), spoken, every)
    columns = []
    for name, kind, convert, default in into:
        given = [row[name] for row in rows] if name in first else [same.get(name, default)] * len(rows)
        columns.append(driver.converted(given, convert, kind) if convert else given)
    names = [name for name, *_rest in into]
    if spoken.name == "sqlite":
        execute(sql, list(zip(*columns, strict=True)), many=True)
    else:
        execute(sql_of_many, dict(zip(names, columns, strict=True)), many=True, waits=True)


def insert_one(model: type[Base], row: Mapping[str, Any]) -> Any:
    """Write a row past the mapper, as `insert_many` does; gives its id, inside `together()` a stand-in for it, which
    rows written alone may hold.
    """
    opened = writer()
    done = _insert_row(opened, model, row, " RETURNING id")
    if opened.waiting is not None:
        return Later(len(opened.waiting) - 1, "id")
    return int(done.lastrowid if opened.is_sqlite else done.fetchone()[0])


def _insert_row(opened: Open, model: type[Base], row: Mapping[str, Any], returning: str = "") -> Any:
    sql, _of_many, into = driver.insert_of(table(model), opened.dialect, tuple(row))
    given = [row.get(name, default) for name, _kind, _convert, default in into]
    values = [convert(value) if convert else value for value, (_n, _k, convert, _d) in zip(given, into, strict=True)]
    if opened.is_sqlite:
        return execute(sql, values)
    named = {name: value for value, (name, *_rest) in zip(values, into, strict=True)}
    return execute(sql + returning, named, waits=True)


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


def within(column: InstrumentedAttribute[int | None], scope: Scope) -> ColumnElement[bool]:
    """The condition that keeps rows inside a user's regions; it belongs into every query staff pages use."""
    if scope.regions is None:
        return true()
    return column.in_(sorted(scope.regions))


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    own: Any = connection.connection.dbapi_connection
    if not driver.is_begun(own) and (driver.is_sqlite(own) or own.autocommit):
        driver.begin(own, connection.dialect)


@event.listens_for(Session, "before_flush")
def _refuse_flush_while_reading(session: Session, _context: Any, _instances: Any) -> None:
    if not is_writing() and (session.new or session.dirty or session.deleted):
        raise WriteOutsideTransaction("rows were changed outside transaction()")


@event.listens_for(Session, "do_orm_execute")
def _refuse_statement_while_reading(state: Any) -> None:
    if (state.is_insert or state.is_update or state.is_delete) and not is_writing():
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
