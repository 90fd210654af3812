"""The list and the case in a real browser: narrow and wide, with the keyboard alone, and for assistive technology."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from npsapp.cases.models import Case
from npsapp.cases.rules import State
from npsapp.db import db
from npsapp.lib.clock import utcnow
from tests import cast
from tests.cases.stories import cause_id, opened

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WIDTHS = (360, 1280)
LONG = "Дуже-Довге-Прізвище-Подвійне Олександра Володимирівна"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium without a window."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield launched
        launched.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address of a running server."""
    running = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def cases(company) -> list[int]:
    """An overdue case with a long name and long words, and a fresh one of a key customer."""
    now = utcnow()
    cause_id()
    late = opened(
        company,
        now=now - timedelta(days=9),
        score=0,
        comment="Неймовірнодовгесловобезпробілів" * 8,
        person={"name": LONG, "address_as": "Олександро Володимирівно"},
    )
    fresh = opened(company, now=now, score=6, comment="", person={"name": "ТОВ «Дренаж»", "is_key": True})
    return [late.id, fresh.id]


def signed_in(chromium: Browser, address: str, width: int) -> Page:
    """A page of the manager of Kyiv."""
    page = chromium.new_context(viewport={"width": width, "height": 800}, locale="en-GB").new_page()
    page.goto(f"{address}/login")
    page.fill("[name=email]", "andriy@vodolad.example")
    page.fill("[name=password]", cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/login"))
    return page


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_fit_and_have_no_barriers(chromium, address, cases, width):
    page = signed_in(chromium, address, width)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    for path in ("/cases/", "/cases/?tab=settled", *(f"/cases/{case_id}" for case_id in cases)):
        page.goto(address + path)
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        found = Axe().run(page, options=RULES).response["violations"]
        assert too_wide <= 0, path
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path
    assert complaints == []


def test_on_a_phone_the_call_is_at_the_thumb(chromium, address, cases):
    page = signed_in(chromium, address, 360)
    page.goto(f"{address}/cases/{cases[0]}")

    call = page.locator(".phone-bar").get_by_role("link", name="Call", exact=True)

    expect(call).to_be_in_viewport()
    assert (call.get_attribute("href") or "").startswith("tel:+380")
    box = call.bounding_box()
    assert box is not None
    assert box["height"] >= 44


def test_a_case_is_worked_through_with_the_keyboard_alone(chromium, address, cases):
    page = signed_in(chromium, address, 1280)
    page.goto(f"{address}/cases/{cases[0]}")

    page.get_by_role("button", name="Take on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have taken this case on.")).to_be_visible()

    page.get_by_label("Spoke to the customer").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.get_by_label("What was said").focus()
    page.keyboard.type("замінити решітку")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The attempt is recorded.")).to_be_visible()

    page.get_by_label("Customer won back").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Root cause")).to_be_focused()
    page.keyboard.type("Came late")
    page.keyboard.press("Tab")
    page.keyboard.type("замінили")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The case is settled.")).to_be_visible()

    db.session.rollback()
    assert db.session.get_one(Case, cases[0]).state is State.SETTLED


def test_a_mistake_is_named_at_the_field_and_nothing_typed_is_lost(chromium, address, cases):
    page = signed_in(chromium, address, 360)
    page.goto(f"{address}/cases/{cases[0]}")

    page.get_by_label("What was done").fill("обіцяли знижку")
    page.get_by_role("button", name="Settle", exact=True).click()

    expect(page.get_by_role("alert").get_by_text("Outcome: Choose the outcome.")).to_be_visible()
    expect(page.get_by_label("What was done")).to_have_value("обіцяли знижку")
