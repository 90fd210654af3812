"""Web and worker in one process tree: migrate, load the demo, start both, watch them, stop them cleanly."""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import click
import flask_migrate
import waitress
from flask import Flask, current_app
from flask.cli import with_appcontext
from flask_babel import get_translations
from huey.consumer import Scheduler
from huey.consumer_options import ConsumerConfig
from sqlalchemy.orm import configure_mappers

from npsapp.delivery.channels.mail import brands_without_server
from npsapp.demo import services as demo
from npsapp.demo.commands import load_into_empty
from npsapp.i18n import LANGUAGES, speaking
from npsapp.intake.packages import MOST_PER_POST
from npsapp.office.company import setup_link
from npsapp.web.filters import number
from npsapp.worker import huey

STOP_WITHIN_S = 4.0
TOO_MANY_DEATHS = 3
DEATHS_WITHIN_S = 30.0
PR_SET_PDEATHSIG = 1
M_ARENA_MAX = -8
FORK = multiprocessing.get_context("fork")


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Run the web server alone."""
    _serve(current_app._get_current_object())  # type: ignore[attr-defined]


def _serve(app: Flask) -> None:
    config = app.config
    _share_memory_of_threads()
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


def _share_memory_of_threads() -> None:
    """Let threads take their memory from one heap: one for each keeps what a busy thread once needed."""
    with contextlib.suppress(AttributeError):  # not every system's library has it
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


@click.command("work")
@with_appcontext
def work() -> None:
    """Run the worker alone: heartbeat, letters, imports."""
    work_for(current_app._get_current_object())  # type: ignore[attr-defined]


def work_for(app: Flask) -> None:
    """Be a worker of this application until somebody ends the process."""
    _share_memory_of_threads()
    config = ConsumerConfig(
        workers=app.config["WORKER_THREADS"], graceful_signal="TERM", shutdown_timeout=STOP_WITHIN_S - 1, max_delay=1.0
    )
    config.validate()
    Scheduler.periodic_task_seconds = app.config["BEAT_EVERY"]
    huey.create_consumer(**config.values).run()


@click.command("run-all")
@with_appcontext
def run_all() -> None:
    """Migrate, load the demo on first start (NPSAPP_DEMO=1), then run web and worker until Ctrl-C."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    _refuse_taken_port(app)
    family = Family({"serve": lambda: _serve(app), "work": lambda: work_for(app)})
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _aside(lambda: _prepare(app))
        _load_ahead()
        family.start()
        _wait_for_web(app, family)
        _aside(lambda: _greet(app))
        family.watch()
    except KeyboardInterrupt:
        click.echo("stopping")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        family.stop()


def _interrupt(*_args: Any) -> None:
    raise KeyboardInterrupt


def _aside(deed: Callable[[], None]) -> None:
    """Do it in a process of its own: what the parent has open or keeps in memory, every child would inherit."""
    process = FORK.Process(target=_live, args=(deed, os.getpid()), daemon=True)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def _prepare(app: Flask) -> None:
    """Bring the database up to date and load the demo company once."""
    # Alembic configures logging for a command of its own; here its steps are not news.
    flask_migrate.upgrade()
    if app.config["DEMO"] and demo.is_wanted():
        load_into_empty()


def _load_ahead() -> None:
    """What every child would load at its first page or heartbeat: loaded before they part, it lies in memory once."""
    configure_mappers()
    for language in LANGUAGES:
        with speaking(language):
            get_translations()
            number(0)


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
    click.echo("a new password: .venv/bin/flask --app wsgi user password EMAIL")
    if to_outbox:
        click.echo(f"no mail server is configured: letters go to {Path(app.instance_path) / 'outbox'}")


@dataclass
class Family:
    """Child processes, each with one deed: started again when one dies, stopped together.

    They are copies of this process, which has everything loaded and nothing open: what none of them changes lies in
    memory once.
    """

    deeds: dict[str, Callable[[], None]]
    children: dict[str, ForkProcess] = field(default_factory=dict)
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start all of them."""
        gc.collect()
        gc.freeze()  # a sweep would write to every object, and so copy it
        for name in self.deeds:
            self.start_one(name)

    def start_one(self, name: str) -> None:
        """Start one of them, for the first time or again."""
        self.children[name] = FORK.Process(target=_live, args=(self.deeds[name], os.getpid()), name=name)
        self.children[name].start()

    def watch(self) -> None:
        """Look after the children until somebody interrupts."""
        while True:
            self.look_after()
            time.sleep(0.3)

    def look_after(self) -> None:
        """Start a dead child again; give up when they keep dying."""
        for name, child in list(self.children.items()):
            if child.exitcode is None:
                continue
            now = time.monotonic()
            self.deaths = [at for at in self.deaths if now - at < DEATHS_WITHIN_S] + [now]
            if len(self.deaths) >= TOO_MANY_DEATHS:
                raise click.ClickException(f"`flask {name}` keeps ending (status {child.exitcode}); see above")
            click.echo(f"`flask {name}` ended with status {child.exitcode}; starting it again", err=True)
            self.start_one(name)

    def stop(self) -> None:
        """Ask all to end, and end those that take longer than four seconds."""
        for child in self.children.values():
            child.terminate()
        patience = time.monotonic() + STOP_WITHIN_S
        for child in self.children.values():
            child.join(max(0.0, patience - time.monotonic()))
            if child.exitcode is None:
                child.kill()
                child.join()


def _live(deed: Callable[[], None], parent: int) -> None:
    """The life of a child: Ctrl-C reaches the parent alone, which stops the children in order.

    The kernel ends a child whose parent was killed; elsewhere than on Linux it is left to the operator.
    """
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
    deed()
