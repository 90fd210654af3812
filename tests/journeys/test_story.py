"""The story of the product, once through: from a purchase in a file to a settled case and a picture."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.journeys.conftest import Installation, wait_until
from tests.mailserver import MailServer

pytestmark = pytest.mark.journey

BOUGHT = datetime.now(UTC) - timedelta(days=2)
# Region, unit and product as a shop writes them; Kyiv's manager is the demo's.
ROWS = """Номер;Дата;Покупатель;E-mail;Телефон;Сумма;Магазин;Регион;Товар
ТЕСТ-1;{day};Коваль Оксана Петрівна;oksana@example.com;067 123-45-67;1 250,50;Київ, Оболонь;Київ;лоток водовідвідний
ТЕСТ-2;{old};Старий Іван;old@example.com;;99,00;Київ, Оболонь;Київ;решітка чавунна
ТЕСТ-3;{day};Без Адреси;;;15,00;Київ, Оболонь;Київ;трап
ТЕСТ-4;вчора;Помилка;error@example.com;;15,00;Київ, Оболонь;Київ;трап
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """The demo company with a mail server, web and worker running."""
    server = MailServer().start()
    folder = tmp_path_factory.mktemp("story") / "instance"
    installation = Installation(
        folder, DEMO="1", MAIL_SERVER="127.0.0.1", MAIL_PORT=str(server.port), MAIL_PER_MINUTE="0"
    )
    installation.flask("db", "upgrade")
    installation.flask("demo", "load")
    for email in ("administrator@example.com", "analyst@example.com", "kyiv@example.com"):
        installation.flask("user", "password", email, given="a password for tests\n")
    installation.serve()
    installation.start("work")
    yield installation, server
    installation.stop()
    server.stop()


def test_from_a_file_to_a_settled_case_and_a_picture(demo: tuple[Installation, MailServer], tmp_path: Path) -> None:
    installation, server = demo
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
    customer = installation.visitor("uk")
    customer.open(links[3])
    assert customer.status == 200
    assert not customer.cookies
    assert installation.rows("SELECT count(*) FROM response WHERE acted_at > datetime('now', '-1 hour')") == [(0,)]
    customer.fill(score="3")
    customer.fill(comment="Лоток привезли тріснутий, на дзвінки не відповідають.")
    assert "Дякуємо" in customer.page

    # A case opens for Kyiv's manager, who gets a letter with the words and the phone.
    installation.flask("beat")
    told = wait_until(
        lambda: next((one for one in server.letters if "kyiv@example.com" in one["To"]), None), "the manager's letter"
    )
    assert "тріснутий" in told.get_body(("plain",)).get_content()
    (case_id,) = installation.rows("SELECT max(id) FROM 'case'")[0]

    # The manager works it through.
    manager = installation.visitor()
    manager.sign_in("kyiv@example.com", "a password for tests")
    assert "Коваль Оксана Петрівна" in manager.open("/cases/")
    page = manager.open(f"/cases/{case_id}")
    assert "tel:+380671234567" in page
    assert "Лоток привезли тріснутий" in page
    manager.fill(f"/cases/{case_id}/attempt", result="reached", said="Перепросили, замінимо лоток.")
    cause = re.search(r'<select[^>]*name="cause[^"]*"[\s\S]*?<option[^>]*value="(\d+)"', manager.page)
    assert cause
    manager.fill(f"/cases/{case_id}/settle", outcome="saved", cause=cause.group(1), summary="Лоток замінено.")
    assert installation.rows(f"SELECT state, outcome FROM 'case' WHERE id = {case_id}") == [("settled", "saved")]

    # The answer counts in the report, and the picture is one.
    analyst = installation.visitor()
    analyst.sign_in("analyst@example.com", "a password for tests")
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


def test_a_manager_sees_only_the_own_region(demo: tuple[Installation, MailServer]) -> None:
    installation, _server = demo
    others = installation.rows(
        "SELECT c.id FROM 'case' c JOIN region r ON r.id = c.region_id WHERE r.key <> 'kyiv' LIMIT 1"
    )
    manager = installation.visitor()
    manager.sign_in("kyiv@example.com", "a password for tests")

    manager.open(f"/cases/{others[0][0]}")
    assert manager.status == 404
    manager.open("/audit/")
    assert manager.status == 403


def test_the_report_of_the_shell_agrees_with_the_rows(demo: tuple[Installation, MailServer]) -> None:
    installation, _server = demo
    n, promoters, detractors = installation.rows(
        "SELECT count(*), sum(score >= 9), sum(score <= 6) FROM response WHERE voided_at IS NULL AND NOT test"
    )[0]

    told = json.loads(installation.flask("report", "nps", "--by", "region", "--json"))

    assert (told["n"], told["promoters"], told["detractors"]) == (n, promoters, detractors)
    assert told["nps"] == pytest.approx(100 * (promoters - detractors) / n)
    assert told["low"] < told["nps"] < told["high"]
    assert sum(group["n"] for group in told["groups"]) == n


def test_verify_agrees_with_the_reference_numbers(install: Callable[..., Installation]) -> None:
    installation = install()

    said = installation.flask("verify", str(Path(__file__).parents[1] / "data" / "nps_reference_cases.json"))

    assert re.search(r"(\d+) agree, 0 differ", said)
