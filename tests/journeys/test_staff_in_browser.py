"""Staff pages in a real browser, worked with by keyboard alone; how they stand on the screen: tests/pages."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from npsapp.cases import queries as cases_due, services as cases
from npsapp.cases.models import Case
from npsapp.cases.rules import State
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.responses.models import DirtyDay
from tests import cast, factories as make
from tests.browser import ONE_DATABASE

pytestmark = [pytest.mark.browser, ONE_DATABASE]
UNSEEN_FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && one.offsetWidth;
  return one === document.body || ring ? '' : one.outerHTML.slice(0, 120);
}"""

# Where the focus stands on the page, and whether something lies over it; nothing when it left the page.
FOCUS = """() => {
  const one = document.activeElement;
  if (one === document.body) return null;
  const seen = one.matches(".visually-hidden") ? one.closest("label, li, div") : one;
  const [box] = seen.getClientRects(), x = box.left + Math.min(box.width / 2, innerWidth), y = box.top + box.height / 2;
  const hit = document.elementFromPoint(Math.min(x, innerWidth - 1), y);
  return {name: one.outerHTML.slice(0, 120), left: box.left + scrollX, top: box.top + scrollY, tall: box.height,
    covered: !(hit && (seen.contains(hit) || hit.contains(seen) || hit.closest("label")?.control === one))};
}"""
PRESS_TWICE = """async button => {
  button.click();
  await new Promise(done => setTimeout(done, 600));
  button.click();
  return [button.textContent, document.getElementById("live").textContent, button.getAttribute("aria-disabled")];
}"""


@pytest.fixture
def case(company: SimpleNamespace) -> Case:
    """A critic's answer of an hour ago that became a case."""
    with transaction():
        answer = make.make_response(company, now=utcnow() - timedelta(hours=1), score=2)
        db.session.add(DirtyDay(survey_id=answer.survey_id, local_date=answer.local_date))
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
    page.on(
        "console", lambda said: errors.append(said.text) if said.type == "error" and "422" not in said.text else None
    )
    page.goto("/login")
    page.fill("#email", company.admin.email)
    page.fill("#password", cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    yield page
    context.close()
    assert errors == []


def test_a_case_is_found_tried_and_settled_by_keyboard_alone(tab: Page, case: Case) -> None:
    tab.goto("/cases/")
    tab.keyboard.press("Tab")
    expect(tab.locator(".skip")).to_be_in_viewport()
    tab.keyboard.press("Enter")
    reach(tab, f"a[href='/cases/{case.id}']")
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/cases/{case.id}")

    reach(tab, "input[name=result][value=reached]")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status").first).to_be_visible()

    reach(tab, "input[name=outcome][value=saved]")
    tab.keyboard.press("Space")
    tab.keyboard.press("Enter")
    expect(tab.locator("#errors")).to_be_focused()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("select[name=cause]")).to_be_focused()

    tab.keyboard.press("ArrowDown")
    reach(tab, "textarea[name=summary]")
    tab.keyboard.type("Замінили лоток.")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("main")).to_contain_text("Settled")
    db.session.rollback()
    assert db.session.get_one(Case, case.id).state is State.SETTLED


def test_a_report_is_narrowed_saved_and_read_by_keyboard_alone(tab: Page, case: Case) -> None:
    tab.goto("/reports/")
    reach(tab, "select[name=region]")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_timeout(300)
    assert tab.url.endswith("/reports/")  # choosing with arrows passes by others: only the button goes on
    reach(tab, ".filters-end button")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**region=*")

    reach(tab, ".kept summary")
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Kyiv")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("status").first).to_have_text("Saved: Kyiv")
    expect(tab.locator(".kept [aria-current]")).to_contain_text("Kyiv")

    expect(tab.locator(".lede")).to_contain_text("NPS")
    pictures = tab.locator(".figures")
    assert pictures.count() >= 2
    for number in range(pictures.count()):
        one = pictures.nth(number)
        assert one.locator("img").get_attribute("alt")
        assert one.get_by_role("table").get_by_role("row").count() > 1
    reach(tab, ".figures table a")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/answers/**")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("page", ["/cases/{}", "/reports/"])
def test_the_focus_walks_down_the_page_and_nothing_covers_it(tab: Page, case: Case, page: str, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 640})
    tab.goto(page.format(case.id))
    tab.evaluate("document.getElementById('main').focus()")

    stops = []
    for _ in range(150):
        tab.keyboard.press("Tab")
        if (stop := tab.evaluate(FOCUS)) is None:
            break
        stops.append(stop)

    assert 10 < len(stops) < 150
    assert [one["name"] for one in stops if one["covered"]] == []
    back = [
        (before["name"], after["name"])
        for before, after in pairwise(stops)
        if after["top"] + after["tall"] < before["top"] and after["left"] <= before["left"]
    ]
    assert back == []


def test_a_slash_goes_to_the_search(tab: Page, case: Case) -> None:
    tab.keyboard.press("/")
    tab.keyboard.type("Олена /")
    tab.keyboard.press("Enter")

    tab.wait_for_url("**/customers/?q=**")
    expect(tab.locator("main input[name=q]")).to_have_value("Олена /")


def test_a_button_that_takes_long_says_so_and_is_pressed_once(tab: Page, case: Case) -> None:
    held: list[Route] = []
    tab.goto(f"/cases/{case.id}")
    tab.route("**/acknowledge", lambda route: held.append(route))

    said = tab.get_by_role("button", name="Take on").evaluate(PRESS_TWICE)

    assert said == ["One moment …", "One moment …", "true"]
    assert len(held) == 1
    held[0].continue_()
    expect(tab.get_by_role("button", name="Take on")).to_have_count(0)


def reach(page: Page, selector: str, most: int = 150) -> None:
    """Press Tab until the element has the focus, as a person without a mouse does; radios of a group share a stop.

    Wherever the focus stands on the way, it can be seen.
    """
    wanted = page.locator(selector).first
    for _ in range(most):
        page.keyboard.press("Tab")
        unseen = page.evaluate(UNSEEN_FOCUS)
        assert not unseen, f"nothing shows that the focus is on {unseen}"
        if wanted.evaluate("element => element === document.activeElement"):
            return
        if "value=" in selector and page.evaluate(f"document.activeElement.matches('{selector.split('[value')[0]}')"):
            page.keyboard.press("ArrowDown")
            if wanted.evaluate("element => element === document.activeElement"):
                return
    raise AssertionError(f"{selector} cannot be reached with the Tab key")
