"""`python -OO -m npsapp serve|work|run-all`: what runs for long, without what only commands need in memory.

`python -m npsapp job PARENT NAME ID` does one job for the worker with that process number.
"""

import sys
from collections.abc import Callable

from npsapp import create_app, run, schedule  # noqa: F401 - imported, it registers the worker's heartbeat

Program = Callable[..., None]
PROGRAMS: dict[str, Program] = {"serve": run.serve, "work": run.work, "run-all": run.run_all, "job": run.do_job}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](create_app(commands=False), *sys.argv[2:])
