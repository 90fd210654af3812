"""Killed workers, a mail server that is down, starting and stopping the process tree."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.conftest import Installation, wait_until
from tests.mailserver import MailServer

pytestmark = pytest.mark.journey
LETTERS = 200


def purchases(folder: Path, count: int) -> Path:
    day = time.strftime("%d.%m.%Y", time.gmtime(time.time() - 15 * 86400))
    rows = [f"K-{number};{day};Customer {number};c{number}@example.com" for number in range(count)]
    file = folder / "purchases.csv"
    file.write_text("\n".join(["number;date;customer;email", *rows]) + "\n")
    return file


def test_a_worker_killed_while_sending_loses_no_letter(
    install: Callable[..., Installation], mail_server: MailServer, tmp_path: Path
) -> None:
    installation = install(
        DEMO="1",
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=str(mail_server.port),
        MAIL_PER_MINUTE="0",
        MAIL_LEASE="1",
        MAIL_UNKNOWN_AFTER="1",
    )
    installation.flask(
        "intake",
        "read",
        str(purchases(tmp_path, LETTERS)),
        "--source",
        "shop",
        "--live",
        "--sender",
        "shop@example.com",
    )
    noon = time.strftime("%Y-%m-%dT10:00:00+00:00", time.gmtime(time.time() + 86400))

    # Plans and queues everything at noon of tomorrow, and is killed while the letters leave.
    beating = installation.start("beat", "--at", noon)
    wait_until(lambda: len(mail_server.letters) >= 40, "forty letters")
    os.killpg(beating.pid, signal.SIGKILL)
    beating.wait()
    left = len(mail_server.letters)
    assert left < LETTERS

    later = time.strftime("%Y-%m-%dT10:30:00+00:00", time.gmtime(time.time() + 86400))
    latest = time.strftime("%Y-%m-%dT11:00:00+00:00", time.gmtime(time.time() + 86400))
    for moment in (later, later, latest):
        installation.flask("beat", "--at", moment)

    arrived = Counter(mail_server.ids())
    repeated = [id_ for id_, times in arrived.items() if times > 1]
    states = Counter(state for (state,) in installation.rows("SELECT state FROM message"))
    assert states == {"sent": LETTERS}
    assert len(arrived) == LETTERS
    assert len(repeated) <= 1  # only the one in flight, with the same Message-ID


def test_two_workers_and_a_dead_server(
    install: Callable[..., Installation], mail_server: MailServer, tmp_path: Path
) -> None:
    installation = install(
        DEMO="1", MAIL_SERVER="127.0.0.1", MAIL_PORT=str(mail_server.port), MAIL_TIMEOUT="2", MAIL_PER_MINUTE="0"
    )
    installation.flask(
        "intake", "read", str(purchases(tmp_path, 50)), "--source", "shop", "--live", "--sender", "shop@example.com"
    )
    noon = time.strftime("%Y-%m-%dT10:00:00+00:00", time.gmtime(time.time() + 86400))
    mail_server.stop()

    installation.flask("beat", "--at", noon)

    waiting = installation.rows("SELECT state, attempts, error <> '' FROM message GROUP BY 1, 2, 3")
    assert waiting == [("queued", 1, 1)]
    mail_server.start()
    quarter_past = noon.replace("10:00:00", "10:15:00")
    first = installation.start("beat", "--at", quarter_past)
    second = installation.start("beat", "--at", quarter_past)
    assert (first.wait(120), second.wait(120)) == (0, 0), installation.output()
    assert Counter(mail_server.ids()).most_common(1)[0][1] == 1
    assert len(mail_server.letters) == 50


def test_the_process_tree_starts_greets_and_ends_within_five_seconds(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "instance", DEMO="1")
    try:
        running = installation.run("run-all")
        wait_until(lambda: "npsapp runs at" in installation.output(), "the greeting", 90)
        assert "administrator@example.com" in installation.output()
        wait_until(lambda: list((installation.folder / "outbox").glob("*.eml")), "the demo's first letter")
        loaded = installation.rows("SELECT count(*) FROM interaction")
        letters = len(list((installation.folder / "outbox").glob("*.eml")))

        begun = time.monotonic()
        os.kill(running.pid, signal.SIGTERM)
        assert running.wait(10) == 0
        assert time.monotonic() - begun < 5
        assert not installation.answers()

        installation.start("run-all")
        wait_until(lambda: installation.output().count("npsapp runs at") == 2, "the second greeting")
        wait_until(installation.answers, "the web process answers")
        assert installation.rows("SELECT count(*) FROM interaction") == loaded
        assert installation.output().count("administrator@example.com") == 1
        assert installation.rows("SELECT count(*) - count(DISTINCT message_id) FROM message") == [(0,)]
        assert len(list((installation.folder / "outbox").glob("*.eml"))) >= letters
    finally:
        installation.stop()


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "instance", DEMO="0")
    try:
        running = installation.run("run-all")
        wait_until(lambda: "npsapp runs at" in installation.output(), "the greeting", 60)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

        wait_until(lambda: "starting it again" in installation.output(), "the notice")
        wait_until(installation.answers, "the web process answers again")
    finally:
        installation.stop()


@pytest.mark.parametrize("backing", ["sqlite"], indirect=True)
def test_moving_the_clock_is_for_the_demo_only(install: Callable[..., Installation]) -> None:
    said = install(DEMO="0").flask("beat", "--at", "2027-01-01T10:00:00+00:00", fails=True)

    assert "NPSAPP_DEMO=1" in said


def test_a_command_without_tables_says_what_to_do(tmp_path: Path) -> None:
    said = Installation(tmp_path / "instance").flask("report", "nps", fails=True)

    assert "db upgrade" in said
    assert "Traceback" not in said
