"""The programs that run for long: the web server, the worker, and both in one process tree."""

import atexit
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path

import waitress
from flask import Flask
from flask_babel import get_translations
from huey.consumer import Scheduler
from huey.consumer_options import ConsumerConfig
from sqlalchemy.orm import configure_mappers

from npsapp import family
from npsapp.db import reading
from npsapp.delivery.channels.mail import brands_without_server
from npsapp.i18n import LANGUAGES, speaking
from npsapp.intake.packages import MOST_PER_POST
from npsapp.office import health
from npsapp.office.company import setup_link
from npsapp.organization import queries as organization
from npsapp.web.filters import number
from npsapp.worker import huey, jobs

log = logging.getLogger(__name__)

M_ARENA_MAX = -8
# Fewer than where bulk work is done: garbage of half a minute's pages would stand in memory for all that time.
OBJECTS_BETWEEN_SWEEPS = 4_000

# Whoever ends need not be swept: half a second of every command.
atexit.register(gc.freeze)


def serve(app: Flask) -> None:
    """Be the web server of this application."""
    config = app.config
    gc.set_threshold(OBJECTS_BETWEEN_SWEEPS)
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


def work(app: Flask) -> None:
    """Be a worker of this application until somebody ends the process."""
    _share_memory_of_threads()
    config = ConsumerConfig(
        workers=app.config["WORKER_THREADS"],
        graceful_signal="TERM",
        shutdown_timeout=family.STOP_WITHIN_S - 1,
        max_delay=1.0,
    )
    config.validate()
    Scheduler.periodic_task_seconds = app.config["BEAT_EVERY"]
    huey.create_consumer(**config.values).run()


def do_job(_app: Flask, parent: str, name: str, *ids: str) -> None:
    """Do one job for the worker that is the parent, and end with it: see `apart.py`. SystemExit when it fails."""
    if not family.end_with(int(parent), signal.SIGKILL):
        return
    try:
        jobs[name](*map(int, ids))
    except Exception:
        log.exception("job %s%s failed", name, ids)  # as every log line, without what somebody typed
        raise SystemExit(1) from None


def run_all(app: Flask) -> None:
    """Migrate, load the demo on first start (NPSAPP_DEMO=1), then run web and worker until Ctrl-C.

    Both are copies of this process, which has everything loaded and nothing open: what none of them changes lies in
    memory once. Then it forgets all of that, and only watches.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    refuse_taken_port(app)
    _prepare(app)
    load_ahead(app)
    children = {"serve": family.born(lambda: serve(app)), "work": family.born(lambda: work(app))}
    family.born(lambda: _greet(app))
    family.leave_to_parent(children)


def _prepare(app: Flask) -> None:
    """Bring the database up to date and load the demo company once.

    In a process of its own: what the parent has open or keeps in memory, every child would inherit.
    """

    def prepare() -> None:
        with app.app_context():
            ready = is_prepared(app)
        if not ready:
            family.become("-m", "flask", "--app", "npsapp", "prepare")

    _ended, status = os.waitpid(family.born(prepare), 0)
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))


def is_prepared(app: Flask) -> bool:
    """Whether the database fits this program, and holds a company where the demo would be loaded."""
    with reading():
        return health.migrated() and bool(organization.brands() or not app.config["DEMO"])


def load_ahead(app: Flask) -> None:
    """What every child would load at its first page or heartbeat: loaded before they part, it lies in memory once."""
    configure_mappers()
    for language in LANGUAGES:
        with app.app_context(), speaking(language):
            get_translations()
            number(0)
    gc.collect()
    gc.freeze()  # a sweep would write to every object, and so copy it


def refuse_taken_port(app: Flask) -> None:
    """SystemExit when another program listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((app.config["HOST"], app.config["PORT"]))
        except OSError as error:
            raise SystemExit(
                f"Error: {app.config['HOST']}:{app.config['PORT']} is taken ({error.strerror}); "
                "stop the program that listens there or choose another NPSAPP_PORT"
            ) from error


def _greet(app: Flask) -> None:
    """Say where it runs, as soon as it takes connections; half a minute at most."""
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        with contextlib.suppress(OSError), socket.create_connection((app.config["HOST"], app.config["PORT"]), 1):
            break
        time.sleep(0.1)
    else:
        return
    with app.app_context():
        link, to_outbox = setup_link(), brands_without_server()
    sys.stdout.write(f"npsapp runs at http://{app.config['HOST']}:{app.config['PORT']}/ (Ctrl-C stops it)\n")
    if link:
        sys.stdout.write(f"set up your company (works once, for a day): {link}\n")
    sys.stdout.write("a new password: .venv/bin/flask --app wsgi user password EMAIL\n")
    if to_outbox:
        sys.stdout.write(f"no mail server is configured: letters go to {Path(app.instance_path) / 'outbox'}\n")
