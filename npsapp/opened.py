"""What is open to the database at this moment: the session's engine, and the driver's connection of a transaction."""

from contextvars import ContextVar
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as OfApplication
from sqlalchemy import Dialect, Engine
from sqlalchemy.engine import Connection

from npsapp import driver, pool
from npsapp.tables import Base


class WriteOutsideTransaction(RuntimeError):
    """Something tried to change rows while only reading: open `transaction()` at the door."""


class Open:
    """The driver's connection of the `transaction()` or `glancing()` that is open.

    PostgreSQL's transaction begins with the first write or with the mapper: a single statement needs none.
    """

    __slots__ = (
        "alone", "begun", "cursor", "dialect", "has_session", "is_sqlite", "mapped", "one", "over", "own", "waiting",
        "writes",
    )  # fmt: skip

    def __init__(self, engine: Engine, *, writes: bool) -> None:
        self.one = engine.raw_connection()
        self.own: Any = self.one.dbapi_connection
        self.cursor: Any = self.one.info.get(pool.CURSOR)
        self.dialect, self.is_sqlite = engine.dialect, engine.dialect.name == "sqlite"
        self.writes, self.has_session = writes, writes and has_session()
        self.mapped: Connection | None = None
        self.waiting: list[tuple[str, Any]] | None = None
        self.begun = self.alone = self.over = False

    def begin(self) -> None:
        """Let what is written from here on be committed together."""
        if not self.begun:
            self.begun = True
            driver.begin(self.own, self.dialect, writes=True)

    def connection(self) -> Connection:
        """SQLAlchemy's connection, made when somebody needs it: a customer's answer does not."""
        if self.mapped is None:
            self.begin()
            self.mapped = Connection(db.engine, connection=self.one)
            self.mapped.begin()
        return self.mapped

    def close(self) -> None:
        """Give the connection back, which takes back what was not committed."""
        (self.mapped or self.one).close()


current: ContextVar[Open | None] = ContextVar("open", default=None)
"""Set by npsapp/db.py alone, which begins and commits."""


class _Joining(OfApplication):
    """The session of a request or job; inside `transaction()` it works on that one's connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if opened := current.get():
            opened.has_session = True

    def get_bind(self, *args: Any, **options: Any) -> Engine | Connection:
        opened = current.get()
        return opened.connection() if opened and opened.writes else super().get_bind(*args, **options)


pool.look_after(Engine)
db = SQLAlchemy(model_class=Base, session_options={"class_": _Joining})


def is_writing() -> bool:
    """Whether a `transaction()` is open."""
    opened = current.get()
    return opened is not None and opened.writes


def dialect() -> Dialect:
    """How the current application's database wants its statements."""
    opened = current.get()
    return opened.dialect if opened else db.engine.dialect


def has_session() -> bool:
    """Whether somebody has asked for the session of this request or job, which asking would make."""
    return db.session.registry.has()


def writer() -> Open:
    """The open transaction, in which everything is written that waits in the session."""
    opened = current.get()
    if opened is None or not opened.writes:
        raise WriteOutsideTransaction("a writing statement was run outside transaction()")
    if opened.over:
        raise WriteOutsideTransaction("something was written after what was to be the only statement")
    if not opened.alone:
        opened.begin()
    if opened.has_session:
        db.session.flush()
    return opened


def execute(sql: str, values: Any, *, many: bool = False, waits: bool = False) -> Any:
    """Run it, with what waits for it; `many` rows: by a cursor that keeps none of them; `waits`: inside `together()`,
    only with what comes after it."""
    opened = current.get()
    if opened is None:
        own = db.session.connection().connection.dbapi_connection
        return driver.execute(own, db.engine.dialect, sql, values, many=many)
    if opened.waiting is not None and waits:
        return opened.waiting.append((sql, values))
    if opened.waiting:
        sql, values = driver.as_one((*opened.waiting, (sql, values)))
        opened.waiting.clear()
    cursor = None if many else opened.cursor
    return driver.execute(opened.own, opened.dialect, sql, values, many=many and opened.is_sqlite, cursor=cursor)


def is_sqlite() -> bool:
    """Whether the current application's database is SQLite."""
    opened = current.get()
    return opened.is_sqlite if opened else db.engine.dialect.name == "sqlite"
