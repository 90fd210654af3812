"""From the invented company to one's own first letter, by the pages' own words, in a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import RULES
from tests.journeys.conftest import DemoCompany, Installation, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.journey]
PASSWORD = "three quiet words"


@pytest.fixture
def running(demo_company: DemoCompany, tmp_path: Path) -> Iterator[Installation]:
    """The demo company as `make run` shows it: web and worker, no mail server."""
    folder = tmp_path / "instance"
    shutil.copytree(demo_company.folder, folder)
    (folder / "outbox").mkdir(exist_ok=True)
    (folder / "outbox" / "20200101-000000-000000001.eml").write_text("Subject: invented\n\n")
    (folder / "uploads").mkdir(exist_ok=True)
    (folder / "uploads" / "a-file-nobody-knows-any-more").write_text("invented")
    installation = Installation(folder, DEMO="1")
    installation.serve()
    installation.run("work")
    yield installation
    installation.stop()


@pytest.fixture
def page(chromium: Browser, running: Installation) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 360, "height": 800}, base_url=running.address, locale="en")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def look_at(page: Page, heading: str) -> None:
    """The page is there, nothing of it is cut off on a phone, and nothing keeps anybody out."""
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, page.url
    found = Axe().run(page, options=RULES).response["violations"]
    assert [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]] == [], page.url


def test_a_stranger_makes_the_program_their_own(page: Page, running: Installation, demo_company: DemoCompany) -> None:
    page.goto("/login")
    page.fill("#email", "administrator@example.com")
    page.fill("#password", demo_company.passwords["administrator@example.com"])
    page.keyboard.press("Enter")
    page.locator("summary", has_text="UK").click()
    page.get_by_role("button", name="English").click()
    page.get_by_role("link", name="Use it for my company").click()
    look_at(page, "Use it for my company")

    # The page says what goes before it goes, and does nothing without the tick.
    page.get_by_label("Name of the company").fill("Водолад")
    page.get_by_label("Letters come from").fill("hello@vodolad.example")
    page.get_by_label("Days between that and the letter").fill("0")
    page.fill("[name=regions-0-name]", "Poltava")
    page.fill("[name=regions-0-manager]", "Oksana")
    page.fill("[name=regions-0-email]", "oksana@vodolad.example")
    page.get_by_role("button", name="Add another region").click()
    expect(page.locator("[name=regions-1-name]")).to_be_visible()
    expect(page.locator("[name=name_ru]")).to_have_value("Водолад")
    expect(page.locator("[name=phrase_ru]")).to_have_value("компанию «Водолад»")
    page.get_by_label("Your name").fill("Olena")
    page.get_by_label("Your e-mail").fill("olena@vodolad.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Set up my company").click()
    expect(page.locator("#errors")).to_contain_text("Tick this")
    look_at(page, "Use it for my company")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_label("Remove the invented company").check()
    page.get_by_role("button", name="Set up my company").click()
    expect(page.get_by_text("Your company is set up.")).to_be_visible()
    missing = page.locator("section", has=page.locator("#missing"))
    expect(missing).to_contain_text("No mail server")
    expect(missing).to_contain_text("Links in letters lead to this computer")
    expect(missing).to_contain_text("have not set a password yet")
    look_at(page, "My day")
    assert_nothing_invented_is_left(running)

    # A test letter, as a customer would get it, and the whole way to the thanks.
    page.get_by_role("link", name="Send me a test invitation").click()
    look_at(page, "Send me a test invitation")
    expect(page.locator("#address")).to_have_value("olena@vodolad.example")
    page.locator("#language").select_option("ru")
    page.get_by_role("button", name="Send the test").click()
    page.get_by_role("link", name="Open the letter").click(timeout=60_000)
    letter = page.frame_locator("iframe")
    expect(letter.get_by_text("компанию «Водолад»").first).to_be_visible()
    href = letter.get_by_role("link", name="3", exact=True).get_attribute("href")
    assert href
    assert href.startswith(running.address)
    page.goto(href)
    expect(page.locator(".ribbon")).to_be_visible()
    page.locator("#comment").fill("Проба")
    page.locator("#send").click()
    expect(page.locator("#thanks h1")).to_be_visible()
    assert running.rows("SELECT score, test FROM response") == [(3, 1)]
    page.goto("/answers/")
    expect(page.get_by_text("No answers yet")).to_be_visible()
    page.goto("/answers/?state=test")
    expect(page.get_by_text("Проба")).to_be_visible()

    # One visit by hand says at once whether and when the customer is asked.
    page.goto("/visits/new")
    look_at(page, "Enter a visit")
    page.fill("#customer_name", "Ганна Коваль")
    page.fill("#email", "hanna@customer.example")
    page.fill("#title", "лоток водовідвідний")
    page.get_by_label("Letters may go to the outbox").check()
    page.get_by_role("button", name="Enter the visit").click()
    expect(page.get_by_text("The letter leaves:")).to_be_visible()
    look_at(page, "Entered")

    # Several at once take the way of a file.
    page.goto("/visits/paste")
    look_at(page, "Paste visits")
    page.get_by_label("Rows with headings").fill("date\tcustomer\te-mail\n20.11.2026\tПетро\tpetro@customer.example\n")
    page.get_by_role("button", name="Read the rows").click()
    expect(page.get_by_text("Will be asked: ")).to_be_visible(timeout=60_000)
    assert "invented" not in running.output()


def assert_nothing_invented_is_left(running: Installation) -> None:
    counts = {
        table: running.rows(f'SELECT count(*) FROM "{table}"')[0][0]
        for (table,) in running.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    kept = {"user", "user_region", "duty", "pool", "brand", "region", "touchpoint", "survey", "survey_version"}
    kept |= {"step_words", "sender", "invitation_policy", "cause", "heartbeat", "outage", "user_session", "message"}
    kept |= {"audit_entry", "alembic_version", "sender_rate", "login_attempt", "retention"}
    left = {table: count for table, count in counts.items() if count and table not in kept}
    assert not left
    assert running.rows("SELECT count(*) FROM brand WHERE is_demo") == [(0,)]
    assert {name for (name,) in running.rows('SELECT email FROM "user"')} == {
        "olena@vodolad.example",
        "oksana@vodolad.example",
    }
    assert running.rows("SELECT DISTINCT to_address FROM message") == [("oksana@vodolad.example",)]
    files = [*running.folder.glob("outbox/*0000001.eml"), *running.folder.glob("uploads/*")]
    assert wait_until(lambda: not [one for one in files if one.exists() and "20200101" in one.name], "no old letters")
