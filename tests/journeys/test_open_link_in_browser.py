"""A store hangs up a code: it is made, read from the page, answered on a phone and on a tablet, and becomes a case."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from npsapp.cases import queries as cases_due, services as cases
from npsapp.cases.models import Case
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.responses.models import Response
from tests import cast
from tests.browser import ONE_DATABASE, RULES
from tests.factories import make_open_link

pytestmark = [pytest.mark.browser, ONE_DATABASE]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """One tab of a phone."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, locale="uk-UA")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def stored() -> list[Response]:
    db.session.rollback()
    return list(db.session.scalars(select(Response).order_by(Response.id)))


def looked_at(page: Page, width: int = 360) -> None:
    """Nothing is wider than the screen, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def choose(page: Page, score: int) -> None:
    page.wait_for_timeout(800)
    page.locator("#answer .cell").nth(score).tap()


def test_a_code_on_the_wall_brings_an_unhappy_visitor_to_the_stores_manager(
    page: Page, address: str, company: SimpleNamespace
) -> None:
    page.goto(f"{address}/login?lang=en")
    page.fill("#email", company.manager_kyiv.email)
    page.fill("#password", cast.PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(re.compile("/(?!login)"))
    page.goto(f"{address}/open-links/")
    page.get_by_role("link", name="New link").first.click()
    page.get_by_label("Where it hangs").fill("Постер біля входу")
    page.get_by_label("Answers belong to").select_option(label="Лівий берег")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_role("heading", name="Постер біля входу")).to_be_visible()
    looked_at(page)
    printed = page.locator("aside a").first.text_content() or ""
    page.context.clear_cookies()

    page.goto(address + urlsplit(printed).path)
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    choose(page, 3)
    expect(page.locator("#status")).not_to_be_empty()
    page.locator("#reference").fill("099 111-22-33")
    page.locator("#comment").fill("Довго чекали")
    looked_at(page)
    page.locator("#send").click()
    expect(page.get_by_text("Вам зателефонують")).to_be_visible()

    page.goto(address + urlsplit(printed).path)  # the same phone again finds what it said
    expect(page.locator("#comment")).to_have_value("Довго чекали")
    (answer,) = stored()
    for id_ in cases_due.responses_to_look_at(10):
        with transaction():
            cases.look_at(id_, now=utcnow())
    case = db.session.scalars(select(Case)).one()
    assert (case.owner_id, case.customer_id) == (company.manager_kyiv.id, answer.customer_id)


def test_a_tablet_is_ready_for_the_next_one_by_itself(
    chromium: Browser, address: str, company: SimpleNamespace
) -> None:
    with transaction():
        path = f"{address}/o/{make_open_link(company, now=utcnow(), tablet=True).token}"
    context = chromium.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    page = context.new_page()
    page.clock.install()
    page.goto(path)
    for number, score in enumerate((2, 9)):
        page.clock.fast_forward(1000)
        page.locator("#answer .cell").nth(score).tap()
        page.locator("#comment").fill(f"Відвідувач {number}")
        page.locator("#send").click()
        expect(page.get_by_role("heading", name="Дякуємо")).to_be_visible()
        looked_at(page, 1024)
        with page.expect_navigation():
            page.clock.fast_forward(15_100)
        expect(page.locator("#answer")).to_be_visible()
        assert page.locator("[name=score]:checked").count() == 0
        assert page.locator("#comment").input_value() == ""

    assert page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)]") == []
    page.go_back()
    assert page.url == "about:blank", "there is nothing to go back to"
    assert [(one.score, one.comment) for one in stored()] == [(2, "Відвідувач 0"), (9, "Відвідувач 1")]
    context.close()
