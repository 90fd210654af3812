"""Moving an installation to another database: `flask db copy URL` takes every row over and compares both sides."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from alembic import command
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Insert,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    create_engine,
    func,
    insert,
    inspect,
    literal,
    make_url,
    select,
    table,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from npsapp import config
from npsapp.db import db, is_sqlite, reading, transaction
from npsapp.office.health import revisions
from npsapp.operations import postgres
from npsapp.operations.backups import in_use

CHUNK = 1000
DATABASE = "SQLALCHEMY_DATABASE_URI"
KEPT_BY_ALEMBIC = "alembic_version"
Row = dict[str, Any]


@dataclass
class Tally:
    """Number and checksum of a table's rows, in whatever order they come."""

    rows: int = 0
    checksum: int = 0

    def add(self, row: Row) -> None:
        # Values as Python reads them through the column's type: the same on every database.
        digest = hashlib.blake2b(repr(tuple(row.values())).encode(), digest_size=16).digest()
        self.rows += 1
        self.checksum = (self.checksum + int.from_bytes(digest)) % 2**128


@click.command("copy")
@click.argument("url")
@click.option("--anyway", is_flag=True, help="Copy while the program runs; what it writes meanwhile is not copied.")
@with_appcontext
def copy(url: str, anyway: bool) -> None:
    """Copy this installation's database into the empty database URL: all of it, or nothing."""
    target = _engine(url)
    try:
        _refuse_unready_source(anyway=anyway)
        _refuse_filled(target)
        _migrate(target)
        with _frozen_source(anyway=anyway) as source, target.begin() as goal:
            rows = copy_rows(source, goal)
    finally:
        target.dispose()
    click.echo(f"{rows} rows were copied and compared. Now set NPSAPP_{DATABASE} to")
    click.echo(f"  {make_url(url).render_as_string()}")
    click.echo("and start web and worker. Everything else stays in the instance folder; keep the old database, too.")


def _engine(url: str) -> Engine:
    """An engine for the target. Refuses an address this program cannot use, or cannot reach."""
    try:
        wanted = config.BY_NAME[DATABASE].read(url)
        engine = create_engine(wanted, **config.engine_options(wanted))
        engine.connect().close()
    except (ValueError, ModuleNotFoundError) as error:
        raise click.ClickException(f"the target cannot be used: {error}") from error
    except DBAPIError as error:
        raise click.ClickException(f"the target cannot be reached: {_first_line(error)}") from error
    return engine


def _refuse_unready_source(*, anyway: bool) -> None:
    with reading():
        found, wanted = revisions()
    if found != wanted:
        raise click.ClickException("this database lacks migrations: run flask --app wsgi db upgrade first")
    db.session.remove()
    db.engine.dispose()
    file = Path(str(db.engine.url.database))
    if not anyway and (in_use(file) if is_sqlite() else postgres.others_connected(db.engine)):
        raise click.ClickException(
            "another process uses this database: stop web and worker first, "
            "or repeat with --anyway for a trial without what they write meanwhile"
        )


def _refuse_filled(target: Engine) -> None:
    with target.connect() as connection:
        for name in inspect(connection).get_table_names():
            one_row = select(literal(1)).select_from(table(name)).limit(1)
            if name != KEPT_BY_ALEMBIC and connection.scalar(one_row):
                raise click.ClickException(f"the target is not empty: {name} holds rows; name a new, empty database")


def _migrate(target: Engine) -> None:
    migrations = current_app.extensions["migrate"].migrate.get_config()
    migrations.attributes["engine"] = target
    command.upgrade(migrations, "head")


@contextmanager
def _frozen_source(*, anyway: bool) -> Iterator[Connection]:
    """One snapshot of this installation's database; nobody can write into it meanwhile, unless `anyway`."""
    with reading() if anyway else transaction() as session:
        if not is_sqlite():
            session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        if not is_sqlite() and not anyway:
            names = ", ".join(f'"{one.name}"' for one in db.metadata.sorted_tables)
            session.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))
        yield session.connection()


def copy_rows(source: Connection, goal: Connection) -> int:
    """Copy all tables, parents first, and compare; gives the number of rows. The caller commits, or rolls back."""
    read = {one: _copy_table(source, goal, one) for one in db.metadata.sorted_tables}
    for one in read:
        _fill_late_columns(source, goal, one)
        _set_sequence(goal, one)
    for one, tally in read.items():
        written = Tally()
        for part in _parts(goal, one):
            for row in part:
                written.add(row)
        if written != tally:
            raise click.ClickException(
                f"{one.name} differs after copying ({tally.rows} rows became {written.rows}): nothing was kept"
            )
    return sum(tally.rows for tally in read.values())


def _copy_table(source: Connection, goal: Connection, one: Table) -> Tally:
    tally = Tally()
    expected = source.scalar(select(func.count()).select_from(one)) or 0
    statement = _insert(one, goal)
    late = {column.name: None for column in _late_columns(one)}
    with click.progressbar(length=expected, label=f"{one.name:<24}{expected:>10}") as bar:
        for part in _parts(source, one):
            for row in part:
                tally.add(row)
            _write(goal, one, statement, [row | late for row in part])
            bar.update(len(part))
    return tally


def _parts(connection: Connection, one: Table) -> Iterator[list[Row]]:
    """A table's rows in chunks. JSON comes as its text: reading it would lose what tells null from nothing."""
    columns = [cast(c, Text).label(c.name) if isinstance(c.type, JSON) else c for c in one.columns]
    rows = connection.execute(select(*columns), execution_options={"yield_per": CHUNK})
    for part in rows.mappings().partitions():
        yield [dict(row) for row in part]


def _insert(one: Table, goal: Connection) -> Insert:
    return insert(one).values({column.name: _parameter(column, goal) for column in one.columns})


def _parameter(column: Column[Any], goal: Connection) -> Any:
    if not isinstance(column.type, JSON):
        return bindparam(column.name, type_=column.type)
    json_text = bindparam(column.name, type_=Text())
    return json_text if goal.dialect.name == "sqlite" else cast(json_text, column.type)


def _write(goal: Connection, one: Table, statement: Insert | Update, rows: list[Row]) -> None:
    try:
        goal.execute(statement, rows)
    except DBAPIError as error:
        raise click.ClickException(
            f"the target refuses rows of {one.name}: {_first_line(error)}; nothing was kept"
        ) from error


def _late_columns(one: Table) -> list[Column[Any]]:
    """References to rows that are not there yet: of the same table, or of a later one. Filled in at the end."""
    tables = db.metadata.sorted_tables
    earlier = tables[: tables.index(one)]
    return [c for c in one.columns if any(key.column.table not in earlier for key in c.foreign_keys)]


def _fill_late_columns(source: Connection, goal: Connection, one: Table) -> None:
    for column in _late_columns(one):
        found = source.execute(select(one.c.id, column).where(column.is_not(None)))
        rows = [{"row": row.id, "value": row[1]} for row in found]
        if rows:
            statement = update(one).where(one.c.id == bindparam("row")).values({column: bindparam("value")})
            _write(goal, one, statement, rows)


def _set_sequence(goal: Connection, one: Table) -> None:
    """PostgreSQL counts ids apart from the rows."""
    if goal.dialect.name == "postgresql" and one.autoincrement_column is not None:
        following = func.setval(func.pg_get_serial_sequence(f'"{one.name}"', "id"), func.max(one.c.id))
        goal.execute(select(following).select_from(one).having(func.max(one.c.id).is_not(None)))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]
