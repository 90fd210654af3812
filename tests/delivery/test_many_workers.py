"""Two, four and eight workers, processes each, on one queue: no letter is lost, none comes twice, the pace is kept."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from npsapp import create_app
from npsapp.db import db, transaction
from npsapp.delivery import services
from npsapp.delivery.models import Sender, SenderRate
from npsapp.delivery.rules import Purpose
from npsapp.lib.clock import utcnow
from tests import cast
from tests.conftest import CHEAP_HASH, Backing
from tests.crashes.sink import Sink
from tests.journeys.conftest import ROOT, Installation, wait_until

pytestmark = pytest.mark.journey
WORKERS = {"sqlite": (2,), "postgres": (2, 4, 8)}
LETTERS_EACH = 60
A_MINUTE, A_MINUTE_TO_SLOW = 60, 12
WATCHED_S = 4
PATIENCE_S = 90
# Loading the program takes longer than sending: the workers are copies of one process, started at each line it reads.
STARTS_WORKERS = """
import sys
from npsapp import create_app, family, run, schedule
app = create_app(commands=False)
workers = {line: family.born(lambda: run.work(app)) for line in sys.stdin}
family.stop(workers)
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def installation(backing: Backing, sink: Sink, tmp_path: Path) -> Iterator[Installation]:
    """One without web process, whose workers beat every second and send one batch each."""
    mail = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(sink.port), "MAIL_PER_MINUTE": "0", "MAIL_CONNECTIONS": "8"}
    made = Installation(tmp_path / "instance", **mail, **backing.fresh(), WORKER_THREADS="1", BEAT_EVERY="1")
    yield made
    made.stop()


@pytest.fixture
def starter(installation: Installation) -> Iterator[Callable[[int], None]]:
    """`starter(8)`: so many workers run from now on; they end with the test."""
    program = [sys.executable, "-c", STARTS_WORKERS]
    process = subprocess.Popen(program, cwd=ROOT, env=installation.environment, stdin=subprocess.PIPE, text=True)
    started: list[int] = []
    assert process.stdin

    def start(workers: int) -> None:
        for number in range(len(started), workers):
            started.append(number)
            process.stdin.write(f"{number}\n")
        process.stdin.flush()

    yield start
    process.communicate(timeout=30)
    assert process.returncode == 0


@contextmanager
def inside(installation: Installation) -> Iterator[None]:
    uri = installation.engine.url.render_as_string(hide_password=False)
    with create_app({"SQLALCHEMY_DATABASE_URI": uri}, instance_path=str(installation.folder)).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def found(installation: Installation) -> Callable[..., None]:
    """A company; gives what queues letters of it to `count` people of a domain, all at once."""
    with inside(installation):
        db.create_all()
        with transaction() as session:
            brand_id = cast.found(session, password_hash=CHEAP_HASH, now=utcnow()).brand.id

    def queue(**count: int) -> None:
        with inside(installation), transaction():
            for domain, letters in count.items():
                for number in range(letters):
                    _queue(SimpleNamespace(id=brand_id), f"{number}@{domain}.example")

    return queue


def _queue(brand: SimpleNamespace, address: str) -> None:
    words = {"language": "uk", "subject": "x", "body": "x", "html": "<p>x</p>"}
    services.queue(
        purpose=Purpose.INVITATION, to_address=address, brand_id=brand.id, due_at=utcnow(), now=utcnow(), **words
    )


def test_many_workers_send_every_letter_once_and_keep_the_pace(
    backing: Backing, installation: Installation, sink: Sink, starter: Callable[[int], None]
) -> None:
    queue, expected = found(installation), 0
    for workers in WORKERS[backing.kind]:
        starter(workers)
        queue(**{f"shop{workers}": LETTERS_EACH * workers})
        expected += LETTERS_EACH * workers
        wait_until(lambda expected=expected: len(sink.times) == expected, f"{workers} workers send all", PATIENCE_S)
        assert sink.repeated() == Counter()
    states = "SELECT state, repeats, count(*) FROM message GROUP BY 1, 2"
    wait_until(lambda: installation.rows(states) == [("sent", 0, expected)], "all are noted")

    with inside(installation), transaction() as session:
        sender = session.query(Sender).one()
        sender.per_minute = A_MINUTE
        rested = utcnow() - timedelta(days=1)
        session.add(
            SenderRate(sender_id=sender.id, domain="slow.example", next_free_at=rested, per_minute=A_MINUTE_TO_SLOW)
        )
    begun = time.monotonic()
    queue(slow=40, quick=100)
    wait_until(lambda: len(sink.times) >= expected + A_MINUTE, "a minute's worth leaves at once")
    time.sleep(WATCHED_S)
    waited = time.monotonic() - begun
    arrived = len(sink.times) - expected

    assert arrived <= A_MINUTE * (1 + waited / 60) + 1
    to_slow = installation.rows("SELECT count(*) FROM message WHERE domain = 'slow.example' AND state = 'sent'")[0][0]
    assert 1 <= to_slow <= A_MINUTE_TO_SLOW * (1 + waited / 60) + 1
    assert sink.repeated() == Counter()
