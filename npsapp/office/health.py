"""Whether the program is well: for whoever watches it from outside, and for the bar on staff pages."""

import logging
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app, jsonify
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.office.blueprint import bp
from npsapp.pulse import queries as pulse
from npsapp.pulse import services as heart
from npsapp.pulse.rules import is_silent
from npsapp.web.access import public

log = logging.getLogger(__name__)

STATE = "npsapp.health"
WRITE_CHECK_EVERY = timedelta(seconds=5)  # everybody may ask, and there is only one writer

# Reason for machines → sentence for people.
REASONS = {
    "migrations": N_(
        "The database does not fit this version of the program. Run: flask --app wsgi db upgrade"
    ),
    "database": N_("The database cannot be written. Check the disk."),
    "heartbeat": N_("The worker does not run: no letters leave and no cases open. Start it."),
}


class Undo(Exception):
    """Rolls back the trial write."""


@bp.record_once
def _remember_start(state: BlueprintSetupState) -> None:
    state.app.extensions[STATE] = {"started_at": utcnow(), "migrated": False, "written_at": None}


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """200 `{"status": "ok"}`, or 503 with the reason and a sentence.

    503 when the last heartbeat is older than 3 minutes, the database cannot be written, or migrations are missing.
    An installation whose heart never beat is well during the first 3 minutes of this process, then 503 as well:
    a web server started without a worker must not look healthy for ever.
    """
    now = utcnow()
    reason = trouble(now)
    answer: dict[str, Any] = {"status": "unwell" if reason else "ok"}
    if reason:
        answer |= {"reason": reason, "message": REASONS[reason]}
    elif pulse.last_beat() is None:
        answer["beat"] = "none yet"
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response, 503 if reason else 200


def trouble(now: datetime) -> str | None:
    """The first thing that is wrong: a key of `REASONS`, or None."""
    try:
        if not migrated(current_app):
            return "migrations"
        _try_to_write(now)
    except SQLAlchemyError:
        log.exception("the database cannot be written")
        db.session.rollback()
        return "database"
    return "heartbeat" if heart_stopped(now) else None


def heart_stopped(now: datetime) -> bool:
    """Whether the last beat is older than 3 minutes; one that never was counts from the start of this process."""
    last = pulse.last_beat()
    started_at: datetime = current_app.extensions[STATE]["started_at"]
    return is_silent(last or started_at, now)


def migrated(app: Flask) -> bool:
    """Whether the database has all migrations; once it had, this process asks no more."""
    state = app.extensions[STATE]
    if not state["migrated"]:
        found = MigrationContext.configure(db.session.connection()).get_current_heads()
        state["migrated"] = set(found) == _heads(app.extensions["migrate"].directory)
    return bool(state["migrated"])


@lru_cache(maxsize=4)
def _heads(directory: str) -> frozenset[str]:
    return frozenset(ScriptDirectory(directory).get_heads())


def _try_to_write(now: datetime) -> None:
    """Write something harmless and take it back, at most once in a few seconds."""
    state = current_app.extensions[STATE]
    written_at: datetime | None = state["written_at"]
    if written_at and timedelta(0) <= now - written_at < WRITE_CHECK_EVERY:
        return
    try:
        with transaction():
            heart.release("healthz")  # changes nothing: nobody of that name holds the heart
            raise Undo
    except Undo:
        state["written_at"] = now
