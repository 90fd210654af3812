"""The story of the product, once through: from a purchase in a file to a settled case and a picture."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from tests.conftest import Backing
from tests.journeys.conftest import ROOT, DemoCompany, Installation, Visitor, wait_until
from tests.mailserver import MailServer
from tests.redis import RedisServer

pytestmark = pytest.mark.journey

BOUGHT = datetime.now(UTC) - timedelta(days=2)
BEGUN = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
# Region, unit and product as a shop writes them; Kyiv's manager is the demo's.
ROWS = """Номер;Дата;Покупатель;E-mail;Телефон;Сумма;Магазин;Регион;Товар
ТЕСТ-1;{day};Коваль Оксана Петрівна;oksana@example.com;067 123-45-67;1 250,50;Київ, Оболонь;Київ;лоток водовідвідний
ТЕСТ-2;{old};Старий Іван;old@example.com;;99,00;Київ, Оболонь;Київ;решітка чавунна
ТЕСТ-3;{day};Без Адреси;;;15,00;Київ, Оболонь;Київ;трап
ТЕСТ-4;вчора;Помилка;error@example.com;;15,00;Київ, Оболонь;Київ;трап
"""


@dataclass(frozen=True)
class Shop:
    """The demo company at work: its web processes and workers, its mail server, the passwords of its people."""

    web: list[Installation]
    workers: list["subprocess.Popen[bytes]"]
    queue: RedisServer | None
    mail_server: MailServer
    passwords: dict[str, str]

    @property
    def installation(self) -> Installation:
        return self.web[0]

    def sign_in(self, who: str) -> Visitor:
        """A colleague's browser, signed in at the last web process."""
        visitor = self.web[-1].visitor()
        visitor.sign_in(who, self.passwords[who])
        return visitor


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, backing: Backing, demo_company: DemoCompany) -> Iterator[Shop]:
    """On SQLite one web process and one worker; on PostgreSQL and Redis, moved there, two and three of them."""
    server = MailServer().start()
    folder = tmp_path_factory.mktemp("story") / "instance"
    shutil.copytree(demo_company.folder, folder)
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(server.port), "MAIL_PER_MINUTE": "0", **backing.fresh()}
    queue = _move(folder, settings) if "HUEY_URL" in settings else None
    installation = Installation(folder, DEMO="1", **settings)
    web = [installation, *([installation.twin()] if queue else [])]
    workers = [installation.run("work") for _one in range(3 if queue else 1)]
    for one in web:
        one.serve()
    if queue:
        wait_until(lambda: "the queue does not answer" in installation.output(), "the workers miss Redis")
        queue.start()
    yield Shop(web, workers, queue, server, demo_company.passwords)
    for one in web:
        one.stop()
    server.stop()
    if queue:
        queue.stop()


def _move(folder: Path, settings: dict[str, str]) -> RedisServer:
    """Move the installation to PostgreSQL; its Redis is not up yet. Beats come quickly, so that they can be watched."""
    Installation(folder).flask("db", "copy", settings["SQLALCHEMY_DATABASE_URI"])
    (folder / "npsapp.db").unlink()
    queue = RedisServer()
    settings.update(HUEY_URL=queue.database(), BEAT_EVERY="2", LEASE="6", MAIL_LEASE="5")
    return queue


def test_from_a_file_to_a_settled_case_and_a_picture(shop: Shop, tmp_path: Path) -> None:
    installation, server = shop.installation, shop.mail_server
    file = tmp_path / "Продажи за ноябрь.csv"
    at = {"day": BOUGHT.strftime("%d.%m.%Y %H:%M"), "old": (BOUGHT - timedelta(days=60)).strftime("%d.%m.%Y")}
    file.write_bytes(ROWS.format(**at).encode("cp1251"))

    # The file is read: one is asked, one is too old, one has no address, one row is rejected.
    said = installation.flask("intake", "read", str(file), "--source", "shop", "--touchpoint", "warehouse", "--live")
    assert "line 5" in said

    # The planner writes one line for each, the letter arrives.
    installation.flask("beat")
    lines = dict(
        installation.rows(
            "SELECT n.number, coalesce(v.reason, v.state) FROM interaction n JOIN invitation v "
            "ON v.interaction_id = n.id WHERE n.number LIKE 'ТЕСТ-%'"
        )
    )
    assert set(lines) == {"ТЕСТ-1", "ТЕСТ-2", "ТЕСТ-3"}
    assert (lines["ТЕСТ-2"], lines["ТЕСТ-3"]) == ("too_old", "no_address")
    letter = wait_until(
        lambda: next((one for one in server.letters if "oksana@example.com" in one["To"]), None), "the letter"
    )
    text = letter.get_body(("plain",)).get_content()
    assert "лоток водовідвідний" in text
    links = re.findall(r"http://\S+/r/[\w-]+/\d+", text)
    assert len(links) == 11
    assert "List-Unsubscribe" in letter

    # The customer taps 3: looking records nothing, pressing the button does.
    customer = installation.visitor("uk")  # the page of one web process, the button at the other
    customer.open(links[3])
    assert customer.status == 200
    assert not customer.cookies
    assert installation.rows(f"SELECT count(*) FROM response WHERE acted_at > '{BEGUN}'") == [(0,)]
    customer.move_to(shop.web[-1])
    customer.fill(score="3")
    customer.fill(comment="Лоток привезли тріснутий, на дзвінки не відповідають.")
    assert "Дякуємо" in customer.page

    # A case opens for Kyiv's manager, who gets a letter with the words and the phone.
    installation.flask("beat")
    wait_until(
        lambda: any(
            "тріснутий" in one.get_body(("plain",)).get_content()
            for one in server.letters  # on a working morning the list of older cases comes first
            if "kyiv@example.com" in one["To"]
        ),
        "the manager's letter",
    )
    (case_id,) = installation.rows('SELECT max(id) FROM "case"')[0]

    # The manager works it through.
    manager = shop.sign_in("kyiv@example.com")
    assert "Коваль Оксана Петрівна" in manager.open("/cases/")
    page = manager.open(f"/cases/{case_id}")
    assert "tel:+380671234567" in page
    assert "Лоток привезли тріснутий" in page
    manager.fill(f"/cases/{case_id}/attempt", result="reached", said="Перепросили, замінимо лоток.")
    cause = re.search(r'<select[^>]*name="cause[^"]*"[\s\S]*?<option[^>]*value="(\d+)"', manager.page)
    assert cause
    manager.fill(f"/cases/{case_id}/settle", outcome="saved", cause=cause.group(1), summary="Лоток замінено.")
    assert installation.rows(f'SELECT state, outcome FROM "case" WHERE id = {case_id}') == [("settled", "saved")]

    # The answer counts in the report, and the picture is one.
    analyst = shop.sign_in("analyst@example.com")
    page = analyst.open("/reports/")
    picture = re.search(r'src(?:set)?="(/reports/pictures/[^"]+)"', page)
    assert picture
    assert analyst.open(picture.group(1).replace("&amp;", "&")).startswith("<?xml") or "<svg" in analyst.page

    # Everything stands in the log.
    events = {event for (event,) in installation.rows("SELECT DISTINCT event FROM audit_entry")}
    assert events >= {
        "import.applied",
        "invitation.planned",
        "invitation.sent",
        "invitation.opened",
        "response.received",
        "response.finished",
        "case.opened",
        "case.assigned",
        "case.settled",
        "user.logged_in",
    }


def test_a_manager_sees_only_the_own_region(shop: Shop) -> None:
    installation = shop.installation
    others = installation.rows(
        "SELECT c.id FROM \"case\" c JOIN region r ON r.id = c.region_id WHERE r.key <> 'kyiv' LIMIT 1"
    )
    manager = shop.sign_in("kyiv@example.com")

    manager.open(f"/cases/{others[0][0]}")
    assert manager.status == 404
    manager.open("/audit/")
    assert manager.status == 403


def test_the_report_of_the_shell_agrees_with_the_rows(shop: Shop) -> None:
    installation = shop.installation
    n, promoters, detractors = installation.rows(
        "SELECT count(*), count(*) FILTER (WHERE score >= 9), count(*) FILTER (WHERE score <= 6) FROM response "
        "WHERE voided_at IS NULL AND NOT test"
    )[0]

    told = json.loads(installation.flask("report", "nps", "--by", "region", "--json"))

    assert (told["n"], told["promoters"], told["detractors"]) == (n, promoters, detractors)
    assert told["nps"] == pytest.approx(100 * (promoters - detractors) / n)
    assert told["low"] < told["nps"] < told["high"]
    assert sum(group["n"] for group in told["groups"]) == n


crowded = pytest.mark.parametrize("backing", ["postgres"], indirect=True)


def purchases(folder: Path, name: str, count: int) -> Path:
    """A file of purchases for the touchpoint of the story, one customer each."""
    rest = "10,00;Київ, Оболонь;Київ;трап"
    rows = [
        f"{name}-{number};{BOUGHT:%d.%m.%Y %H:%M};Покупець {number};{name}{number}@example.com;;{rest}"
        for number in range(count)
    ]
    file = folder / f"{name}.csv"
    file.write_text("\n".join([ROWS.splitlines()[0], *rows]) + "\n")
    return file


def buy(shop: Shop, file: Path) -> None:
    shop.installation.flask("intake", "read", str(file), "--source", "shop", "--touchpoint", "warehouse", "--live")


def letters_to(shop: Shop, name: str) -> list[EmailMessage]:
    return [one for one in shop.mail_server.letters if one["To"].addresses[0].username.startswith(name)]


@crowded
def test_each_letter_leaves_once_and_each_answer_opens_one_case(shop: Shop, tmp_path: Path) -> None:
    buy(shop, purchases(tmp_path, "crowd", 30))
    wait_until(lambda: len(letters_to(shop, "crowd")) >= 30, "thirty letters, sent by the workers' own beats")

    def answer(letter: EmailMessage) -> None:
        link = re.findall(r"http://\S+/r/[\w-]+/2\b", letter.get_body(("plain",)).get_content())[0]
        first, second = (one.visitor("uk") for one in shop.web)
        for visitor in (first, second):
            visitor.open(urlsplit(link).path)
        for visitor in (first, second):
            visitor.fill(score="2")
        first.fill(comment="Ніхто не відповідає.")

    with ThreadPoolExecutor(6) as people:
        list(people.map(answer, letters_to(shop, "crowd")))
    ours = "FROM contact_point p JOIN \"case\" c USING (customer_id) WHERE p.value LIKE 'crowd%'"
    wait_until(lambda: shop.installation.rows(f"SELECT count(*) {ours}") == [(30,)], "thirty cases")
    time.sleep(5)  # two more beats

    assert Counter(shop.mail_server.ids()).most_common(1)[0][1] == 1
    assert len(letters_to(shop, "crowd")) == 30
    assert shop.installation.rows(f"SELECT count(*), count(DISTINCT customer_id), count(owner_id) {ours}") == [
        (30, 30, 30)
    ]
    assert shop.installation.rows(
        "SELECT count(*), count(DISTINCT invitation_id) FROM response JOIN contact_point USING (customer_id) "
        "WHERE value LIKE 'crowd%'"
    ) == [(30, 30)]


@crowded
def test_one_worker_beats_at_a_time_and_when_it_is_killed_another_takes_over(shop: Shop) -> None:
    engine = shop.installation.engine
    with engine.begin() as connection:
        connection.execute(text(WATCH))
    time.sleep(9)
    beats = shop.installation.rows("SELECT at, before, after FROM beats_seen ORDER BY at")
    begun = [at for at, before, after in beats if after and after != before]
    assert len(begun) >= 3
    assert all(before in ("", after) for _at, before, after in beats if after)  # nobody takes it from who has it
    assert all((later - earlier).total_seconds() > 1.2 for earlier, later in pairwise(begun))  # rest of 1.5 s

    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE import_batch IN ACCESS EXCLUSIVE MODE"))
        wait_until(lambda: shop.installation.rows(WAITING), "a beat hangs at its imports")
        beating = shop.installation.rows("SELECT holder FROM heartbeat")[0][0]
        os.kill(int(beating.split()[1]), signal.SIGKILL)
        held = shop.installation.rows("SELECT max(at) FROM beats_seen")[0][0]
    taken_over = f"SELECT at, after FROM beats_seen WHERE before = '{beating}' AND after <> before"
    (taken_at, taken_by), *_more = wait_until(lambda: shop.installation.rows(taken_over), "another worker beats")

    assert taken_by.split()[1] != beating.split()[1]
    assert 5 < (taken_at - held).total_seconds() < 20  # the lease of 6 s ran out first
    assert [one.poll() for one in shop.workers if one.poll() is not None] == [-signal.SIGKILL]


@crowded
def test_jobs_that_redis_forgot_are_made_again(shop: Shop, tmp_path: Path) -> None:
    queue, workers = shop.queue, [one for one in shop.workers if one.poll() is None]
    assert queue
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    time.sleep(7)  # whoever was beating is given up
    buy(shop, purchases(tmp_path, "lost", 20))
    step = (
        "from wsgi import app; app.app_context().push(); from npsapp.schedule import Beat, run_steps; run_steps(Beat())"
    )
    subprocess.run([sys.executable, "-c", step], cwd=ROOT, env=shop.installation.environment, check=True, timeout=60)
    assert not letters_to(shop, "lost")
    assert ("sent",) not in shop.installation.rows("SELECT state FROM message WHERE to_address LIKE 'lost%'")

    queue.kill()
    queue.start()
    for worker in workers:
        worker.send_signal(signal.SIGCONT)

    wait_until(lambda: len(letters_to(shop, "lost")) >= 20, "the letters whose jobs were lost")
    time.sleep(3)
    assert len(letters_to(shop, "lost")) == 20
    assert Counter(shop.mail_server.ids()).most_common(1)[0][1] == 1
    assert "Traceback" not in shop.installation.output()


WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'import_batch'::regclass"
WATCH = """
CREATE TABLE beats_seen (at timestamptz, before text, after text);
CREATE FUNCTION see_beat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO beats_seen VALUES (clock_timestamp(), OLD.holder, NEW.holder);
  RETURN NEW;
END $$;
CREATE TRIGGER see_beat AFTER UPDATE OF holder ON heartbeat FOR EACH ROW EXECUTE FUNCTION see_beat();
"""


@pytest.mark.parametrize("backing", ["sqlite"], indirect=True)
def test_verify_agrees_with_the_reference_numbers(install: Callable[..., Installation]) -> None:
    installation = install()

    said = installation.flask("verify", str(Path(__file__).parents[1] / "data" / "nps_reference_cases.json"))

    assert re.search(r"(\d+) agree, 0 differ", said)
