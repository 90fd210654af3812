"""Web and worker in one process tree: migrate, load the demo, start both, watch them, stop them cleanly."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import flask_migrate
import waitress
from flask import Flask, current_app
from flask.cli import with_appcontext
from huey.consumer import Scheduler
from huey.consumer_options import ConsumerConfig

from npsapp.db import db
from npsapp.delivery.channels.mail import brands_without_server
from npsapp.demo import services as demo
from npsapp.demo.commands import load_into_empty
from npsapp.intake.packages import MOST_PER_POST
from npsapp.office.company import setup_link
from npsapp.worker import huey

STOP_WITHIN_S = 4.0
TOO_MANY_DEATHS = 3
DEATHS_WITHIN_S = 30.0
PR_SET_PDEATHSIG = 1


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Run the web server alone."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    config = app.config
    _stay_on_one_core(config["PORT"])
    waitress.serve(
        app,
        listen=f"{config['HOST']}:{config['PORT']}",
        threads=config["WEB_THREADS"],
        ident="npsapp",
        # Forwarded headers are judged by our own middleware, see proxies.py.
        clear_untrusted_proxy_headers=False,
        max_request_body_size=max(config["MAX_CONTENT_LENGTH"], MOST_PER_POST) + 1024 * 1024,
    )


def _stay_on_one_core(port: int) -> None:
    """Threads that hand Python's one lock to each other across cores answer half as many pages as on one core.

    Web processes on neighbouring ports get different cores; the operating system keeps the others out of the way.
    """
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[port % len(cores)]})


@click.command("work")
@with_appcontext
def work() -> None:
    """Run the worker alone: heartbeat, letters, imports."""
    config = ConsumerConfig(
        workers=current_app.config["WORKER_THREADS"],
        graceful_signal="TERM",
        shutdown_timeout=STOP_WITHIN_S - 1,
        max_delay=1.0,
    )
    config.validate()
    Scheduler.periodic_task_seconds = current_app.config["BEAT_EVERY"]
    huey.create_consumer(**config.values).run()


@click.command("run-all")
@with_appcontext
def run_all() -> None:
    """Migrate, load the demo on first start (NPSAPP_DEMO=1), then run web and worker until Ctrl-C."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    _refuse_taken_port(app)
    _prepare(app)
    family = Family(["serve", "work"])
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        family.start()
        _wait_for_web(app, family)
        _greet(app)
        family.watch()
    except KeyboardInterrupt:
        click.echo("stopping")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        family.stop()


def _interrupt(*_args: Any) -> None:
    raise KeyboardInterrupt


def _prepare(app: Flask) -> None:
    """Bring the database up to date and load the demo company once."""
    # Alembic configures logging for a command of its own; here its steps are not news.
    flask_migrate.upgrade()
    if app.config["DEMO"] and demo.is_wanted():
        load_into_empty()
    db.session.remove()
    db.engine.dispose()


def _refuse_taken_port(app: Flask) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((app.config["HOST"], app.config["PORT"]))
        except OSError as error:
            raise click.ClickException(
                f"{app.config['HOST']}:{app.config['PORT']} is taken ({error.strerror}); "
                "stop the program that listens there or choose another NPSAPP_PORT"
            ) from error


def _wait_for_web(app: Flask, family: "Family") -> None:
    """Until the web server takes connections, half a minute at most."""
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        family.look_after()
        with contextlib.suppress(OSError), socket.create_connection((app.config["HOST"], app.config["PORT"]), 1):
            return
        time.sleep(0.1)


def _greet(app: Flask) -> None:
    address = f"http://{app.config['HOST']}:{app.config['PORT']}/"
    click.echo(f"npsapp runs at {address} (Ctrl-C stops it)")
    if link := setup_link():
        click.echo(f"set up your company (works once, for a day): {link}")
    to_outbox = brands_without_server()
    db.session.remove()
    click.echo("a new password: .venv/bin/flask --app wsgi user password EMAIL")
    if to_outbox:
        click.echo(f"no mail server is configured: letters go to {Path(app.instance_path) / 'outbox'}")


@dataclass
class Family:
    """Child processes running commands of this program: started again when one dies, stopped together."""

    commands: list[str]
    children: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        for command in self.commands:
            self._start(command)

    def _start(self, command: str) -> None:
        self.children[command] = subprocess.Popen(  # noqa: S603 - our own interpreter and commands
            [sys.executable, "-m", "flask", "--app", "wsgi", command],
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops the children in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads have been started yet
        )

    def watch(self) -> None:
        """Look after the children until somebody interrupts."""
        while True:
            self.look_after()
            time.sleep(0.3)

    def look_after(self) -> None:
        """Start a dead child again; give up when they keep dying."""
        for command, child in list(self.children.items()):
            if child.poll() is None:
                continue
            now = time.monotonic()
            self.deaths = [at for at in self.deaths if now - at < DEATHS_WITHIN_S] + [now]
            if len(self.deaths) >= TOO_MANY_DEATHS:
                raise click.ClickException(f"`flask {command}` keeps ending (status {child.returncode}); see above")
            click.echo(f"`flask {command}` ended with status {child.returncode}; starting it again", err=True)
            self._start(command)

    def stop(self) -> None:
        """Ask all to end, and end those that take longer than four seconds."""
        for child in self.children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        patience = time.monotonic() + STOP_WITHIN_S
        for child in self.children.values():
            try:
                child.wait(max(0.0, patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _die_with_parent() -> None:
    """Let the kernel end a child whose parent was killed; elsewhere than on Linux it is left to the operator."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == 1:
            os._exit(1)
