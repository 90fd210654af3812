"""A job in a process of its own: the memory it needs goes with it, and does not grow a process that lives long."""

import logging
import os
import subprocess
import sys

log = logging.getLogger(__name__)


def run(name: str, *args: int | str) -> None:
    """Have another process do the job, and wait for its end. One that fails is logged, as the worker's own are."""
    program = [sys.executable, "-m", "npsapp", "job", str(os.getpid()), name, *map(str, args)]
    done = subprocess.run(program, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own words
    if done.returncode:
        log.error("job %s%s ended with status %d", name, args, done.returncode)
