"""`python -m npsapp serve|work|run-all`: what runs for long, without what only commands need in memory."""

import sys

from npsapp import create_app, run, schedule  # noqa: F401 - imported, it registers the worker's heartbeat

PROGRAMS = {"serve": run.serve, "work": run.work, "run-all": run.run_all}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](create_app(commands=False))
