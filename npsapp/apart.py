"""A job in a process of its own: the memory it needs goes with it, and does not grow a process that lives long."""

import logging
import os
import subprocess
import sys
from threading import Lock

log = logging.getLogger(__name__)

_access = Lock()
_under_way: set[tuple[int | str, ...]] = set()


def run(name: str, *args: int | str) -> None:
    """Have another process do the job, and wait for its end. One that fails is logged, as the worker's own are.

    The same job is not begun twice: the heartbeat makes it again as long as the other process is starting.
    """
    with _access:
        if (name, *args) in _under_way:
            return
        _under_way.add((name, *args))
    program = [sys.executable, "-m", "npsapp", "job", str(os.getpid()), name, *map(str, args)]
    try:
        done = subprocess.run(program, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own words
        if done.returncode:
            log.error("job %s%s ended with status %d", name, args, done.returncode)
    finally:
        with _access:
            _under_way.discard((name, *args))
