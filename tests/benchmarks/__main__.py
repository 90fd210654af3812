"""`make bench`: npsapp beside its floors, on SQLite and PostgreSQL. Settings: BENCH, DATABASE, BENCH_SIZES.

Each comparison runs npsapp and the floor in turns, five times; the table shows medians and, in brackets, the lowest
and highest. Nothing here passes or fails: it prints. `BENCH=m` (peak memory of imports of `BENCH_MEGABYTES=10,300`) is
run only when asked for.
"""

import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.measures import MEASURES
from tests.benchmarks.stage import Stage, stages

Line = tuple[str, ...]
HEADING = ("what", "database", "npsapp", "floor", "share", "aim", "besides")


def main() -> None:
    wanted = [key for key in os.environ.get("BENCH", "a,b,c,d,e,f,g,h,i").split(",") if key]
    kinds = [kind for kind in os.environ.get("DATABASE", "sqlite,postgresql").split(",") if kind]
    lines: list[Line] = []
    with stages(kinds) as found:
        for key in wanted:
            for stage in found:
                lines += _run(MEASURES[key], stage)
    print("\n" + machine() + "\n")
    table(lines)


def _run(measure: Callable[[Stage], list[Line]], stage: Stage) -> list[Line]:
    print(f"{measure.__name__} on {stage.kind}", file=sys.stderr, flush=True)
    done = measure(stage)
    for line in done:
        print("  " + " | ".join(line), file=sys.stderr, flush=True)
    return done


def machine() -> str:
    """Command, machine and how busy it was."""
    processor = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in processor if "model name" in line), "?")
    said = " ".join(f"{name}={os.environ[name]}" for name in ("BENCH", "DATABASE", "BENCH_SIZES") if name in os.environ)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"make bench {said}".strip()
        + f" · {os.cpu_count()} cores, {model} · Python {platform.python_version()} · load {load}"
    )


def table(lines: Sequence[Line]) -> None:
    """A Markdown table on standard output."""
    for line in (HEADING, ("---",) * len(HEADING), *lines):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
