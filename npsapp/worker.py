"""The Huey instance; `job` and `every` run a function inside the application.

A queue may lose what it holds (a killed worker loses its running task), so nothing is only in the queue: the
database says what is to be done, and the heartbeat makes lost jobs again.
"""

import ctypes
import functools
import gc
import importlib
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from flask import Flask

from npsapp import apart
from npsapp.lib.loading import load

load("huey", without=("redis", "psycopg"))  # it loads what each of its queues needs, in all 11 MB
from huey import Huey  # noqa: E402
from huey.storage import SqliteStorage  # noqa: E402

log = logging.getLogger(__name__)
# Bulk work makes many small objects and hardly any circles: looking for these every 700 took a fifth of its time.
OBJECTS_BETWEEN_SWEEPS = 50_000

huey = Huey("npsapp", results=False, immediate=True)  # no storage before init_app says which
_app: Flask | None = None
_collected: ContextVar[deque[tuple[Callable[..., Any], tuple[Any, ...]]] | None] = ContextVar("collected", default=None)


class WalStorage(SqliteStorage):
    """Huey's SQLite queue with `synchronous=NORMAL`: several times faster, and safe against a killed process."""

    def _create_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("pragma synchronous=normal")
        return connection


def init_app(app: Flask) -> None:
    """Choose the queue of this installation: a file in the instance folder, or Redis."""
    gc.set_threshold(OBJECTS_BETWEEN_SWEEPS)
    global _app  # noqa: PLW0603 - Huey's tasks are registered at import and need their application later
    _app = app
    url = app.config["HUEY_URL"]
    if url:
        kept_in_redis = importlib.import_module("npsapp.redis_queue").PatientRedis
        huey.storage_class, huey.storage_kwargs = kept_in_redis, {"url": url}
    else:
        file = Path(app.instance_path) / "queue.db"
        huey.storage_class, huey.storage_kwargs = WalStorage, {"filename": str(file), "timeout": 15}
    huey.immediate = False


def inside_app(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run in a context of the application the queue belongs to."""

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        if _app is None:
            raise RuntimeError("the queue was used before create_app()")
        with _app.app_context():
            return function(*args)

    return run


jobs: dict[str, "Job"] = {}
"""All of them by name, for a process that does one."""


class Job:
    """A function about one thing that takes time; `enqueue(id)` is called by doors, after their commit.

    `apart` says of a call whether the worker leaves it to a process of its own.
    """

    def __init__(
        self, function: Callable[..., Any], *, apart: Callable[..., bool] | None = None, **options: Any
    ) -> None:
        self.function, self._apart = inside_app(function), apart and inside_app(apart)
        self.name = f"{function.__module__}.{function.__name__}"
        self._task = huey.task(name=function.__name__, **options)(self._work)
        jobs[self.name] = self

    def _work(self, *args: int | str) -> None:
        if self._apart and self._apart(*args):
            apart.run(self.name, *args)
        else:
            self.function(*args)

    def enqueue(self, *args: int | str) -> None:
        """Put one call into the queue; inside `collecting()` it is kept for this process instead."""
        jobs = _collected.get()
        if jobs is None:
            self._task(*args)
        else:
            jobs.append((self.function, args))

    def later(self, seconds: float, *args: int | str) -> None:
        """As `enqueue`, to be run in some seconds: what comes until then is done with it."""
        if _collected.get() is None:
            self._task.schedule(args, delay=seconds)
        else:
            self.enqueue(*args)

    def __call__(self, *args: int | str) -> Any:
        """Run it here and now."""
        return self.function(*args)


def job(**options: Any) -> Callable[[Callable[..., Any]], Job]:
    """Register a one-thing job. Its arguments are ids, never objects."""
    return lambda function: Job(function, **options)


def every(when: Callable[..., bool]) -> Callable[[Callable[..., Any]], Any]:
    """Register a periodic step of the heartbeat."""
    return lambda function: huey.periodic_task(when, name=function.__name__)(inside_app(function))


def give_back_memory() -> None:
    """Return to the system what was needed for a moment; the C library by itself keeps it."""
    gc.collect()
    with suppress(AttributeError):  # not every system's library has it
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def collecting() -> Iterator[Callable[[], int]]:
    """Keep the jobs made inside the block; the function given runs them, and those they make, in order.

    For commands that must finish their work before they return. It gives the number of jobs run; a job that
    fails is logged and does not stop the others.
    """
    jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()

    def run_all() -> int:
        count = 0
        while jobs:
            function, args = jobs.popleft()
            count += 1
            try:
                function(*args)
            except Exception:
                log.exception("job %s%s failed", function.__name__, args)
        return count

    token = _collected.set(jobs)
    try:
        yield run_all
    finally:
        _collected.reset(token)
