"""Staff pages in a real browser: readable for everybody, on a phone too, and workable by keyboard alone."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from npsapp.cases import queries as cases_due, services as cases
from npsapp.cases.models import Case
from npsapp.cases.rules import State
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from tests import cast, factories as make
from tests.browser import ONE_DATABASE, RULES

pytestmark = [pytest.mark.browser, ONE_DATABASE]
PAGES = (
    "/",
    "/cases/",
    "/cases/{case}",
    "/answers/",
    "/reports/",
    "/customers/?q=Олена",
    "/schedule/",
    "/schedule/?show=held",
    "/imports/",
    "/imports/new",
    "/surveys/",
    "/surveys/{survey}/policy",
    "/users/",
    "/settings/",
    "/settings/units/",
    "/settings/brands/{brand}",
    "/settings/regions/{region}",
    "/settings/regions/{region}/retire",
    "/audit/",
    "/outbox/",
    "/messages/",
    "/profile",
)


@pytest.fixture
def case(company: SimpleNamespace) -> Case:
    """A critic's answer of an hour ago that became a case."""
    with transaction():
        make.make_response(company, now=utcnow() - timedelta(hours=1), score=2)
    for response_id in cases_due.responses_to_look_at(10):
        with transaction():
            cases.look_at(response_id, now=utcnow())
    db.session.rollback()
    return db.session.query(Case).one()


@pytest.fixture
def tab(chromium: Browser, address: str, company: SimpleNamespace) -> Iterator[Page]:
    """A tab in which the administrator is signed in; blocked styles and script errors fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, base_url=address, locale="en")
    context.set_default_timeout(10_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto("/login")
    page.fill("#email", company.admin.email)
    page.fill("#password", cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    yield page
    context.close()
    assert errors == []


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("width", [360, 1280])
def test_pages_are_accessible_and_never_scroll_sideways(
    tab: Page, company: SimpleNamespace, case: Case, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    wrong: dict[str, object] = {}
    for pattern in PAGES:
        ids = {"brand": company.brand.id, "region": company.regions.kyiv.id, "survey": company.survey.id}
        path = pattern.format(case=case.id, **ids)
        answer = tab.goto(path)
        assert answer
        assert answer.status == 200, path
        sideways = tab.evaluate("document.documentElement.scrollWidth > innerWidth")
        if sideways or violations(tab):
            wrong[path] = violations(tab) or "scrolls sideways"

    assert wrong == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_page_is_accessible(chromium: Browser, address: str, company: SimpleNamespace, scheme: str) -> None:
    context = chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address}/login")

    assert violations(page) == []
    context.close()


def test_a_case_is_settled_by_keyboard_alone(tab: Page, case: Case) -> None:
    tab.goto(f"/cases/{case.id}")
    _reach(tab, "input[name=result][value=reached]")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    tab.wait_for_load_state()
    _reach(tab, "input[name=outcome][value=saved]")
    tab.keyboard.press("Space")
    _reach(tab, "select[name=cause]")
    tab.keyboard.press("ArrowDown")
    _reach(tab, "textarea[name=summary]")
    tab.keyboard.type("Замінили лоток.")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")

    expect(tab.locator("main")).to_contain_text("Settled")
    db.session.rollback()
    assert db.session.get_one(Case, case.id).state is State.SETTLED


def _reach(page: Page, selector: str, most: int = 120) -> None:
    """Press Tab until the element has the focus, as a person without a mouse does; radios of a group share a stop."""
    wanted = page.locator(selector).first
    name = selector.split("[")[1].rstrip("]")
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
        if "value=" in selector and page.evaluate(f"document.activeElement.matches('[{name}]')"):
            page.keyboard.press("ArrowDown")
    raise AssertionError(f"{selector} cannot be reached with the Tab key")
