"""What an operator types: `flask --app wsgi …`. The rooms' own commands are hung in here."""

import functools
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click
import flask_migrate
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_migrate.cli import db as migrations
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError

from npsapp import config, family, run, schedule
from npsapp.accounts.commands import group as user
from npsapp.db import db, transaction
from npsapp.delivery.commands import mail
from npsapp.demo import services as demo_company
from npsapp.demo.commands import demo, load_into_empty
from npsapp.intake.commands import intake
from npsapp.lib import clock
from npsapp.lib.refusals import Refused
from npsapp.office.commands import connection, setup
from npsapp.operations import copying
from npsapp.operations.commands import backup, doctor, restore
from npsapp.pulse import services as pulse
from npsapp.reports.commands import report, verify
from npsapp.worker import collecting

WAIT_FOR_HEART_S = 120


PROGRAMS = {"serve": "Run the web server alone.", "work": "Run the worker alone: heartbeat, letters, imports."}


def init_app(app: Flask) -> None:
    """Register all commands."""
    flask_migrate.Migrate(app, db, directory=str(config.MIGRATIONS), render_as_batch=True)
    for command in (
        user,
        demo,
        intake,
        connection,
        mail,
        report,
        verify,
        beat,
        prepare,
        run_all,
        *(_program(name, does) for name, does in PROGRAMS.items()),
        setup,
        doctor,
        backup,
        restore,
    ):
        _advise(command)
        app.cli.add_command(command)
    migrations.add_command(copying.copy)


def _advise(command: click.Command) -> None:
    """Let a command say what helps: in the words of a refusal, or where there are no tables yet."""
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _advise(below)
    run_it = command.callback
    if run_it is None or hasattr(run_it, "advises"):
        return

    @functools.wraps(run_it)
    def advising(*args: Any, **kwargs: Any) -> Any:
        try:
            return run_it(*args, **kwargs)
        except Refused as refusal:
            raise click.ClickException(str(refusal)) from refusal
        except DatabaseError:
            db.session.rollback()
            if inspect(db.engine).has_table("heartbeat"):
                raise
            raise click.ClickException("the database has no tables yet: flask --app wsgi db upgrade") from None

    advising.advises = True  # type: ignore[attr-defined]
    command.callback = advising


def _program(name: str, does: str) -> click.Command:
    """A program that runs for long becomes a process without the commands."""
    return click.Command(name, callback=lambda: family.become(*family.LEAN, name), help=does)


@click.command("prepare", hidden=True)
@with_appcontext
def prepare() -> None:
    """Bring the database up to date and load the demo company once; `run-all` does it by itself."""
    flask_migrate.upgrade()
    if current_app.config["DEMO"] and demo_company.is_wanted():
        load_into_empty()


@click.command("run-all")
@with_appcontext
@click.pass_context
def run_all(context: click.Context) -> None:
    """Migrate, load the demo on first start (NPSAPP_DEMO=1), then run web and worker until Ctrl-C."""
    run.refuse_taken_port(current_app)
    if not run.is_prepared(current_app):
        context.invoke(prepare)
    family.become(*family.LEAN, "run-all")


class Moment(click.ParamType):
    """An ISO 8601 moment with a zone, or without one for UTC."""

    name = "ISO-TIME"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a moment like 2026-12-04T10:00:00+02:00", param, ctx)
        return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.command("beat")
@click.option("--at", type=Moment(), help="Pretend that it is this moment (demo only).")
@with_appcontext
def beat(at: datetime | None) -> None:
    """Run every step of the heartbeat once, in order, and the jobs it makes, until nothing is left."""
    if at is not None:
        _refuse_pretending()
    with clock.pretend(at) if at else nullcontext(), collecting() as run_jobs:
        failed = _beat(run_jobs) if at else _beat_alone(run_jobs)
    if failed:
        raise click.ClickException(f"steps that failed (see the log): {', '.join(failed)}")
    click.echo("the heartbeat ran once")


def _refuse_pretending() -> None:
    """Moving the clock would send real letters early, so it is for the demo alone."""
    if not current_app.config["DEMO"]:
        raise click.ClickException("beat --at is for the demo only: start with NPSAPP_DEMO=1")
    if demo_company.was_removed():
        raise click.ClickException("beat --at is for the demo only, and the demo company was removed")


def _beat(run_jobs: Callable[[], int]) -> list[str]:
    return schedule.run_steps(schedule.Beat(budget_s=None), after_each=run_jobs)


def _beat_alone(run_jobs: Callable[[], int]) -> list[str]:
    """Beat in real time: wait for a worker that is beating, and record that the program lives."""
    holder = uuid4().hex
    patience = time.monotonic() + WAIT_FOR_HEART_S
    while not schedule.hold(holder):
        if time.monotonic() > patience:
            raise click.ClickException("another process has been beating for two minutes; try again later")
        time.sleep(0.2)
    try:
        schedule.record_pulse()
        return _beat(run_jobs)
    finally:
        with transaction():
            pulse.release(holder)
