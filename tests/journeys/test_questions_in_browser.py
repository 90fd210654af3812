"""Questions are written in the editor with a live preview and answered on a phone, in a real browser."""

import os
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from npsapp.db import db, transaction
from npsapp.invitations.models import Invitation
from npsapp.lib.clock import utcnow
from npsapp.responses import queries
from npsapp.responses.models import AnswerValue, Response
from npsapp.surveys import wording
from tests import cast
from tests.browser import ONE_DATABASE, RULES
from tests.factories import make_invitation
from tests.responses.test_further import ask_more

pytestmark = [pytest.mark.browser, ONE_DATABASE]
SIZES = [(360, 740), (1280, 800)]


@pytest.fixture(params=SIZES, ids=["phone", "desk"])
def context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A fresh memory on a phone and on a desk."""
    width, height = request.param
    opened = chromium.new_context(viewport={"width": width, "height": height})
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """One tab; a blocked style or a script error fails the test."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    yield page
    assert [error for error in errors if "422" not in error] == []


@pytest.fixture
def editor(tab: Page, address: str, company: SimpleNamespace) -> Page:
    """The page of the company's survey, opened by the analyst."""
    tab.goto(f"{address}/login")
    tab.fill("#email", company.analyst.email)
    tab.fill("#password", cast.PASSWORD)
    tab.press("#password", "Enter")
    tab.wait_for_url(re.compile("/(?!login)"))
    tab.goto(f"{address}/surveys/{company.survey.id}/")
    return tab


@pytest.fixture
def link(company: SimpleNamespace, address: str) -> str:
    """The link of an invitation to a survey with further questions."""
    with transaction():
        now = utcnow()
        ask_more(company.survey, now=now)
        return f"{address}/r/{make_invitation(company, now=now).steps[0].token}"


def looked_at(page: Page, name: str) -> None:
    """Nothing is wider than the screen, axe finds nothing; a picture where one is wanted."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/{name}-{page.viewport_size['width']}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def test_a_question_is_added_written_and_seen_in_the_preview_at_once(editor: Page, company: SimpleNamespace) -> None:
    editor.select_option("#kind", "one")
    editor.get_by_role("button", name="Add", exact=True).click()
    question = editor.locator("#q-one1")
    for language in ("en", "ru", "uk"):
        question.locator(f"[name=one1__wording__{language}]").fill(f"Was it late, {language}?")
        question.locator(f"[name=one1__option-option1__{language}]").fill(f"yes {language}")
        question.locator(f"[name=one1__option-option2__{language}]").fill(f"no {language}")
    shown = editor.frame_locator("[name=preview]")

    expect(shown.get_by_text("Was it late, uk?")).to_be_visible()
    expect(shown.get_by_label("yes uk")).to_be_visible()
    looked_at(editor, "editor")

    editor.get_by_role("button", name="Move up: question 3").press("Enter")
    expect(editor.locator("#q-one1 h2")).to_have_text("2. One of several")
    editor.get_by_role("button", name="Publish the draft").click()
    expect(editor.get_by_text("The survey asks from now on")).to_be_visible()
    db.session.rollback()
    assert [one["key"] for one in company.survey.version.content["questions"]] == [
        "recommend",
        "one1",
        "why",
        "contact",
    ]


def test_a_fault_stands_above_the_form_and_nothing_is_lost(editor: Page) -> None:
    editor.select_option("#kind", "many")
    editor.get_by_role("button", name="Add", exact=True).click()
    editor.locator("[name=many1__wording__en]").fill("What was it?")
    editor.get_by_role("button", name="Save", exact=True).last.click()

    expect(editor.get_by_role("alert")).to_contain_text("This text is missing")
    expect(editor.locator("[name=many1__wording__en]")).to_have_value("What was it?")
    looked_at(editor, "fault")


def test_questions_follow_the_answers_without_reloading(tab: Page, link: str) -> None:
    tab.goto(f"{link}?lang=en")
    tab.evaluate("window.sameDocument = true")
    tab.wait_for_timeout(800)
    tab.locator("label", has_text=re.compile("^3$")).first.click()
    expect(tab.get_by_text("What was it?")).to_be_visible()
    expect(tab.get_by_text("How late?")).to_be_hidden()
    expect(tab.locator("#status")).to_have_text("Your score is saved. You can still change it.")
    tab.get_by_label("It was late").check()
    tab.get_by_label("How late?").fill("two weeks")
    looked_at(tab, "survey")
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_text("Please answer: Rate the service")).to_be_visible()
    expect(tab.locator("#q-service input").first).to_be_focused()

    tab.locator("#q-service label", has_text=re.compile("^4$")).click()
    tab.get_by_label("Please contact me").check()
    tab.get_by_label("When it is convenient").fill("after six")
    tab.get_by_role("button", name="Send").click()

    expect(tab.get_by_role("heading", name="Thank you.")).to_be_visible()
    assert tab.evaluate("window.sameDocument")
    db.session.rollback()
    kept = queries.as_more(db.session.query(AnswerValue).order_by(AnswerValue.id))
    number = db.session.query(Response).one().customer.contact_points[1].value
    assert kept == {
        "service": 4, "what": ["late"], "how_late": "two weeks", "contact_address": number, "contact_time": "after six",
    }  # fmt: skip


def test_whoever_answered_finds_the_answers_again(tab: Page, link: str) -> None:
    tab.goto(f"{link}/10?lang=en")
    tab.locator("#q-service label", has_text=re.compile("^9$")).click()
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("heading", name="Thank you.")).to_be_visible()

    tab.goto(f"{link}?lang=en")

    expect(tab.locator("[name='q.service'][value='9']")).to_be_checked()


def test_a_test_of_a_draft_goes_the_whole_way_and_counts_nowhere(editor: Page, company: SimpleNamespace) -> None:
    editor.get_by_role("link", name="Try it").click()
    editor.get_by_role("button", name="Send the test").click()

    expect(editor.get_by_role("status").first).to_contain_text(company.analyst.email)
    db.session.rollback()
    assert db.session.query(Invitation).one().test


def test_every_kind_of_question_stands_well(tab: Page, company: SimpleNamespace, link: str) -> None:
    with transaction():
        survey = company.survey
        content = dict(survey.version.content)
        added = [wording.new_question(scale, scale).to_json() for scale in ("five", "stars", "faces")]
        content["questions"] = [*content["questions"][:1], *added, *content["questions"][1:]]
        survey.version.content = content

    tab.goto(f"{link}/3?lang=uk")

    expect(tab.locator("#q-faces")).to_be_visible()
    looked_at(tab, "kinds")
