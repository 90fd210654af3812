"""The measures (a) to (i), and (m), of `make bench`; each gives the lines of the table that it fills."""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.delivery import services as delivery
from npsapp.delivery.rules import Purpose
from npsapp.intake.models import ImportBatch
from npsapp.invitations import rendering
from npsapp.lib.clock import utcnow
from tests import factories
from tests.benchmarks import bulk, goods
from tests.benchmarks.peaks import peaks
from tests.benchmarks.quarter import Quarter
from tests.benchmarks.stage import ROOT, Installation, Stage
from tests.mailserver import free_port

Line = tuple[str, ...]
Said = dict[str, Any]

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
VISITS = 1_000
LETTERS = 2_000
ROWS = 100_000
DOCUMENTS = 26_500
MINUTES = float(os.environ.get("BENCH_MINUTES", "1"))
MOST_VISITS_A_SECOND = 450
DOCUMENTS_MEANWHILE = 10_000
PICTURES_REST_S = 25
QUARTER = int(os.environ.get("BENCH_QUARTER", "200000"))
SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "10000,100000,1000000").split(",")]
AIM_ANSWERS, AIM_LETTERS, AIM_ROWS = "≥ 60 %", "≥ 80 %", "≥ 30 %"


def in_turns(ours: Callable[[], Said], floor: Callable[[], Said]) -> tuple[list[Said], list[Said]]:
    """Five runs of both, alternating, so that a busy neighbour disturbs both."""
    mine, least = [], []
    for _turn in range(RUNS):
        mine.append(ours())
        least.append(floor())
    return mine, least


def middle(figures: list[float], form: str = ".0f") -> str:
    """Median, and in brackets the lowest and the highest."""
    return f"{statistics.median(figures):{form}} ({min(figures):{form}}–{max(figures):{form}})"


def share(mine: list[float], least: list[float]) -> str:
    """The median of the pairs' quotients, in per cent, with the lowest and the highest."""
    return middle([100 * one / other for one, other in zip(mine, least, strict=True)]) + " %"


# ---- (a) ---------------------------------------------------------------------------------------------------------


def answers(stage: Stage) -> list[Line]:
    """(a) Open the survey page and answer it, at 8 and 32 visitors."""
    lines = []
    for clients in (8, 32):
        one = stage.install()
        with one.inside():
            tokens = bulk.open_links(VISITS * (RUNS + 1), now=utcnow())
        size = str(_visits(one, "wsgi", clients, tokens[:100])["bytes"])
        one.environment["FLOOR_BYTES"] = str(max(int(size) - 1_600, 0))
        pieces = iter([tokens[at : at + VISITS] for at in range(100, len(tokens), VISITS)])

        def ours(one: Installation = one, clients: int = clients, pieces: Iterator[list[str]] = pieces) -> Said:
            return _visits(one, "wsgi", clients, next(pieces))

        def floor(one: Installation = one, clients: int = clients, tokens: list[str] = tokens) -> Said:
            return _visits(one, "tests.benchmarks.floors", clients, tokens[:VISITS])

        mine, least = in_turns(ours, floor)
        tails = [said["p99"] / said["median"] for said in mine]
        lines.append(
            (
                f"(a) visits a second (open and answer), {clients} visitors, {int(size):,} bytes", stage.kind,
                middle([said["visits"] for said in mine]), middle([said["visits"] for said in least]),
                share([said["visits"] for said in mine], [said["visits"] for said in least]), AIM_ANSWERS,
                (f"median {statistics.median(said['median'] for said in mine) * 1000:.0f} ms, "
                f"processor ms a visit {middle([said['cpu'] * 1000 for said in mine], '.1f')}, "
                f"floor {middle([said['cpu'] * 1000 for said in least], '.1f')}, "
                f"p99 / median {middle(tails, '.1f')} (aim < 10)"),
            )
        )  # fmt: skip
    return lines


def _visits(one: Installation, app: str, clients: int, tokens: list[str]) -> Said:
    """Visitors at a fresh server, which has served a few before."""
    file = one.folder / "tokens.txt"
    with one.running(app, "serve") as server:
        _wait_for(one.port)
        for some in (tokens[:40], tokens[40:]):
            used = _processor_seconds(server.pid)
            file.write_text(" ".join(some))
            done = _load(one.port, clients, file)
        return done | {"cpu": (_processor_seconds(server.pid) - used) / len(tokens[40:])}


def _processor_seconds(pid: int) -> float:
    """What a process has used so far, in user and system mode (proc(5): fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load(port: int, clients: int, file: Path, seconds: float = 1e9) -> Said:
    program = [sys.executable, "-m", "tests.benchmarks.load", str(port), str(clients), str(file), str(seconds)]
    found: Said = json.loads(subprocess.run(program, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _wait_for(port: int) -> None:
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


# ---- (b) ---------------------------------------------------------------------------------------------------------


@contextmanager
def sink() -> Iterator[int]:
    """The mail server that keeps nothing; gives its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.sink", str(port)], cwd=ROOT)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def letters(stage: Stage) -> list[Line]:
    """(b) Letters into a local sink, over one connection."""
    with sink() as port:
        mail = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(port), "MAIL_PER_MINUTE": "0", "MAIL_CONNECTIONS": "1"}
        one = stage.install(**mail)
        with one.inside():
            size = _queue_letters(LETTERS)

        def again() -> Said:
            one.sql("UPDATE message SET state = 'queued', sent_at = NULL, attempts = 0, batch_id = ''")
            return one.child("ours", "letters")

        mine, least = in_turns(again, lambda: one.child("floors", "letters", "all"))
    assert all(said["count"] == LETTERS for said in mine + least), mine
    rates = [[LETTERS / said["seconds"] for said in some] for some in (mine, least)]
    used = [[said["cpu"] for said in some] for some in (mine, least)]
    return [
        (
            f"(b) letters a second, one connection, {size / 1000:.0f} kB each", stage.kind,
            *(middle(some) for some in rates), share(*rates), AIM_LETTERS,
            f"processor seconds {middle(used[0], '.1f')}, floor {middle(used[1], '.1f')}",
        )
    ]  # fmt: skip


def _queue_letters(count: int) -> int:
    """One real letter, copied to as many addresses; gives its size in bytes as text and HTML."""
    where, now = bulk.company(), utcnow()
    with transaction():
        one = factories.make_interaction(where, now=now)
        words = rendering.letter(
            one, where.survey.version, language="uk", token=bulk.A_TOKEN, contact_point_id=1,
            addresses=rendering.Addresses("https://nps.example.com", ["a key"]),
        )  # fmt: skip
        message = delivery.queue(
            purpose=Purpose.INVITATION, to_address="buyer@example.com", to_name="Олена Шевченко",
            brand_id=where.brand.id, language="uk", due_at=now, now=now, **words,
        )  # fmt: skip
    bulk.waiting_letters(count - 1, message)
    return len((words["body"] + words["html"]).encode())


# ---- (c) ---------------------------------------------------------------------------------------------------------


def rows(stage: Stage) -> list[Line]:
    """(c) Reading a file of 100,000 purchases, and once more."""
    file = stage.folder / "shop.csv"
    if not file.exists():
        goods.write(file, ROWS)
    return _imports(stage, file, f"(c) seconds for {ROWS:,} CSV rows", count=ROWS)


def packages(stage: Stage) -> list[Line]:
    """(g) Reading 100 MB of CommerceML, and once more."""
    file = stage.folder / "shop.xml"
    if not file.exists():
        goods.write_documents(file, documents=DOCUMENTS)
    size = f"{file.stat().st_size / 1e6:.0f} MB of CommerceML ({DOCUMENTS:,} orders)"
    return _imports(stage, file, f"(g) seconds for {size}", count=DOCUMENTS)


def _imports(stage: Stage, file: Path, what: str, *, count: int) -> list[Line]:
    filled: list[Installation] = []

    def ours() -> Said:
        filled.append(stage.install(UPLOAD_MEGABYTES="400"))
        return filled[-1].child("ours", "rows", str(file))

    def floor() -> Said:
        return stage.install(company=False).child("floors", "rows", str(file), filled[-1].uri)

    mine, least = in_turns(ours, floor)
    assert all(said["accepted"] == count for said in mine), mine
    seconds = [[said["seconds"] for said in some] for some in (mine, least)]
    used = [[said["cpu"] for said in some] for some in (mine, least)]
    return [
        (
            f"{what}, {least[0]['written']:,} table rows", stage.kind,
            *(middle(some, ".1f") for some in seconds), share(seconds[1], seconds[0]), AIM_ROWS,
            (f"processor seconds {middle(used[0], '.1f')}, floor {middle(used[1], '.1f')}; "
            f"{statistics.median(said['kb'] for said in mine) / 1024:.0f} MB (aim < 150)"),
        ),
        _once_more("the same file again", stage, mine, "again"),
        _once_more("the same, but for a blank line", stage, mine, "read"),
    ]  # fmt: skip


def _once_more(what: str, stage: Stage, mine: list[Said], which: str) -> Line:
    seconds = middle([said[which]["seconds"] for said in mine], ".1f")
    quicker = middle([said["cpu"] / said[which]["cpu"] for said in mine], ".1f")
    return what, stage.kind, seconds, "", "", "3 times faster", f"by processor seconds {quicker} times"


def answers_meanwhile(stage: Stage) -> list[Line]:
    """(h) Survey pages while a file is read, by two processes, beside those of an idle installation."""
    one = stage.install()
    with one.inside():
        tokens = bulk.open_links(VISITS * (RUNS + 1), now=utcnow())
    goods.write(one.folder / "shop.csv", ROWS)
    program = [sys.executable, "-m", "tests.benchmarks.ours", "rows", str(one.folder / "shop.csv")]
    idle = [_visits(one, "wsgi", 8, tokens[:VISITS])]
    busy = []
    importing = subprocess.Popen(program, cwd=ROOT, env=one.environment, stdout=subprocess.DEVNULL)
    try:
        for start in range(VISITS, len(tokens), VISITS):
            done = _visits(one, "wsgi", 8, tokens[start : start + VISITS])
            if importing.poll() is None:
                busy.append(done)
    finally:
        importing.kill()
        importing.wait()
    rates = [[said["visits"] for said in some] for some in (busy, idle)]
    waits = f"median {statistics.median(said['median'] for said in busy) * 1000:.0f} ms, longest "
    return [
        (
            "(h) visits a second during an import, 8 visitors", stage.kind, *(middle(some) for some in rates),
            middle([100 * rate / rates[1][0] for rate in rates[0]]) + " %", "≥ 50 %",
            waits + f"{max(said['worst'] for said in busy):.1f} s",
        )
    ]  # fmt: skip


# ---- (d), (e), (f) -----------------------------------------------------------------------------------------------


def decisions(stage: Stage) -> list[Line]:
    """(d) Planning decisions a second, by number of interactions."""
    lines = []
    for size in SIZES:
        one = stage.install(MAIL_SERVER="127.0.0.1")
        with one.inside():
            bulk.purchases(size, now=utcnow())
        said = one.child("ours", "decisions")
        assert said["count"] == size, said
        rate, memory = size / said["seconds"], f"{said['kb'] / 1024:.0f} MB"
        lines.append((f"(d) decisions a second, {size:,}", stage.kind, f"{rate:,.0f}", "", "", "linear", memory))
    return lines


def memory(stage: Stage) -> list[Line]:
    """(e) Memory (PSS) of the whole process tree while customers answer, a package of 1C is read, reports are seen."""
    one = stage.install()
    with one.inside():
        bulk.answers(1_000, now=utcnow())
        tokens = bulk.open_links(int(MINUTES * 60 * MOST_VISITS_A_SECOND), now=utcnow(), first=100_000)
    goods.write_documents(one.folder / "orders.xml", documents=DOCUMENTS_MEANWHILE)
    one.child("ours", "bring", str(one.folder / "orders.xml"))
    file = one.folder / "tokens.txt"
    file.write_text(" ".join(tokens))
    with one.running("wsgi", "run-all") as parent:
        _wait_for(one.port)
        time.sleep(5)
        before = sum(_tree(parent.pid).values())
        with watched(parent.pid) as most, ThreadPoolExecutor() as beside:
            looking = beside.submit(one.child, "staff", str(MINUTES * 60))
            said = _load(one.port, 32, file, MINUTES * 60)
            pages = looking.result()["pages"]
        time.sleep(PICTURES_REST_S)
        sizes = _tree(parent.pid)
    with one.inside():
        applied = db.session.scalar(select(func.sum(ImportBatch.applied)))
    parts = " + ".join(f"{size:.0f}" for size in sizes.values())
    besides = (
        f"parent + web + worker {parts}; before {before:.0f}, most with the process that draws {max(most):.0f}; "
        f"{said['visits']:.0f} visits a second for {MINUTES:g} minutes, {pages} staff pages, {applied:,} orders"
    )
    both = sum(list(sizes.values())[1:])
    return [("(e) memory (PSS) of web and worker, MB", stage.kind, f"{both:.0f}", "", "", "< 180", besides)]


def _tree(pid: int) -> dict[int, float]:
    """PSS of a process and of all below it, in MB."""
    found = {pid: _pss(pid)}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with suppress(OSError, StopIteration):  # it ended meanwhile
            found |= _tree(int(child))
    return found


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Look every second how large a process tree is."""
    sizes, stop = [sum(_tree(pid).values())], threading.Event()

    def look() -> None:
        while not stop.wait(1):
            sizes.append(sum(_tree(pid).values()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield sizes
    finally:
        stop.set()
        thread.join()


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def reports(stage: Stage) -> list[Line]:
    """(f) The report page over ten thousand and a million answers, with the rate of the invitations that led there."""
    lines = []
    for size in (10_000, 1_000_000):
        one = stage.install()
        with one.inside():
            bulk.answers(size, now=utcnow())
        counted = one.child("ours", "recount")
        said = one.child("ours", "page", "/reports/")
        lines.append(
            (
                f"(f) report page over {size:,} answers, ms", stage.kind, f"{said['median'] * 1000:.0f}", "", "",
                "does not grow", f"all days counted again in {counted['seconds']:.1f} s",
            )
        )  # fmt: skip
    return lines


# ---- (i) -----------------------------------------------------------------------------------------------------------


def quarter(stage: Stage) -> list[Line]:
    """(i) A simulated quarter with quotas: every draw compared with the planner on paper."""
    with stage.install().inside():
        one = Quarter(bulk.company(), count=QUARTER, stores=max(QUARTER // 2000, 1), seed=QUARTER)
        began = time.perf_counter()
        one.run()
        took = time.perf_counter() - began
    assert one.broken == [], one.broken[:10]
    besides = f"{one.draws:,} draws as on paper, {one.reached:.0%} of targets reached, no rule broken"
    return [(f"(i) seconds for a quarter of {QUARTER:,} purchases", stage.kind, f"{took:.0f}", "", "", "", besides)]


MEASURES: dict[str, Callable[[Stage], list[Line]]] = {
    "a": answers,
    "b": letters,
    "c": rows,
    "d": decisions,
    "e": memory,
    "f": reports,
    "g": packages,
    "h": answers_meanwhile,
    "i": quarter,
    "m": peaks,
}
