"""Whether the program is well: for whoever watches it from outside, and for the bar on staff pages."""

import logging
from datetime import datetime
from functools import lru_cache

from flask import current_app, jsonify
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from npsapp import config
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import N_
from npsapp.office.blueprint import bp
from npsapp.pulse import queries as pulse, services as heart
from npsapp.pulse.rules import is_silent
from npsapp.web.access import public

log = logging.getLogger(__name__)

STATE = "npsapp.health"

# Reason for machines → sentence for people.
REASONS = {
    "migrations": N_("The database does not fit this version of the program. Run: flask --app wsgi db upgrade"),
    "database": N_("The database cannot be written. Check the disk."),
    "heartbeat": N_("The worker does not run: no letters leave and no cases open. Start it."),
}


@bp.record_once
def _remember_start(state: BlueprintSetupState) -> None:
    state.app.extensions[STATE] = {"started_at": utcnow(), "migrated": False}


@bp.page("/healthz", public)
def healthz() -> ResponseReturnValue:
    """200 `{"status": "ok"}`, or 503 with the reason and a sentence.

    503 when the last heartbeat is older than 3 minutes, the database cannot be written, or migrations are missing.
    An installation whose heart never beat is well during the first 3 minutes of this process, then 503 as well:
    a web server started without a worker must not look healthy for ever.
    """
    reason = trouble(utcnow())
    response = jsonify(
        {"status": "unwell", "reason": reason, "message": REASONS[reason]} if reason else {"status": "ok"}
    )
    response.headers["Cache-Control"] = "no-store"
    return response, 503 if reason else 200


def trouble(now: datetime) -> str | None:
    """The first thing that is wrong: a key of `REASONS`, or None."""
    try:
        if not migrated():
            return "migrations"
        with transaction():
            heart.release("healthz")  # a write that changes nothing: nobody of that name holds the heart
    except SQLAlchemyError:
        log.exception("the database cannot be written")
        db.session.rollback()
        return "database"
    return "heartbeat" if heart_stopped(now) else None


def heart_stopped(now: datetime) -> bool:
    """Whether the last beat is older than 3 minutes; one that never was counts from the start of this process."""
    return is_silent(pulse.last_beat() or current_app.extensions[STATE]["started_at"], now)


def migrated() -> bool:
    """Whether the database has all migrations; once it had, this process asks no more."""
    state = current_app.extensions[STATE]
    if not state["migrated"]:
        found, wanted = revisions()
        state["migrated"] = found == wanted
    return bool(state["migrated"])


def revisions() -> tuple[set[str], set[str]]:
    """The migrations the database stands at, and those this program needs. Asks without Alembic, which takes 10 MB."""
    there = inspect(db.session.connection()).has_table("alembic_version")
    found = db.session.scalars(text("SELECT version_num FROM alembic_version")).all() if there else ()
    return set(found), {_newest()}


@lru_cache
def _newest() -> str:
    """Read once: the files of a running program do not change, and all of them are compiled for it."""
    return max(file.name for file in (config.MIGRATIONS / "versions").glob("[0-9]*.py"))[:4]
