"""Alembic's environment: migrations run with the application's own database and models."""

import logging

from alembic import context
from flask import current_app
from sqlalchemy.engine import Connection

log = logging.getLogger("alembic.env")
target = current_app.extensions["migrate"].db


def run_online() -> None:
    """Migrate over a connection of the application's engine, or of the one that a copy goes to."""
    engine = context.config.attributes.get("engine") or target.engine
    with engine.connect() as connection:
        _spare_children(connection)
        context.configure(
            connection=connection,
            target_metadata=target.metadata,
            render_as_batch=True,
            compare_type=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    # The pooled connection has foreign keys off now: it must not be used for anything else.
    engine.dispose()


def _spare_children(connection: Connection) -> None:
    """SQLite changes a table by copying and dropping it; with foreign keys on, that deletes its children."""
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.execute("PRAGMA foreign_keys=OFF")


if context.is_offline_mode():
    raise SystemExit("npsapp migrates a live database only: run `flask --app wsgi db upgrade`")
run_online()
