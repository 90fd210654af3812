"""The survey page in a real browser: what a person's hand records, what a machine's does not, and who can use it."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import delete, select, update

from npsapp.db import db, transaction
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState
from npsapp.lib.clock import utcnow
from npsapp.organization.models import Brand
from npsapp.responses.models import DisputedAnswer, Response, ResponseRevision
from tests.browser import ONE_DATABASE, RULES
from tests.factories import make_invitation

pytestmark = [pytest.mark.browser, ONE_DATABASE]


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A phone with a fresh memory, on which every error of the page is collected."""
    opened = chromium.new_context(viewport={"width": 320, "height": 640}, has_touch=True)
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """One tab; a blocked style, a script error or a failed request in it fails the test."""
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    tab.errors = errors  # type: ignore[attr-defined]
    yield tab
    assert not [error for error in errors if "ERR_INTERNET_DISCONNECTED" not in error]


@pytest.fixture
def link(company: SimpleNamespace, address: str) -> str:
    """The link of one open invitation."""
    with transaction():
        return f"{address}/r/{make_invitation(company, now=utcnow()).steps[0].token}"


def stored(model: type = Response) -> list:
    db.session.rollback()
    return list(db.session.scalars(select(model)))


def move(page: Page) -> None:
    """What a hand does without meaning anything."""
    page.wait_for_timeout(800)
    page.mouse.move(20, 300)
    page.mouse.move(40, 320)


SAVED = "Your score is saved. You can still change it."


# ---- whose hand ------------------------------------------------------------------------------------------------


def test_loading_the_page_records_nothing(page, link):
    page.goto(f"{link}/9?lang=en")
    page.wait_for_timeout(1500)

    expect(page.locator("#why-heading")).to_have_text("What did you like most?")
    expect(page.get_by_text(SAVED)).to_have_count(0)
    assert not stored()


def test_the_first_movement_of_a_hand_saves_the_tapped_score(page, link):
    page.goto(f"{link}/9?lang=en")
    move(page)

    expect(page.get_by_role("status")).to_have_text(SAVED)
    (answer,) = stored()
    assert (answer.score, answer.finished_at) == (9, None)
    assert page.url == f"{link}/9?lang=en"


def test_movements_without_a_chosen_score_save_nothing(page, link):
    page.goto(f"{link}?lang=en")
    move(page)
    page.keyboard.press("Tab")
    page.wait_for_timeout(300)

    assert not stored()


def test_events_made_by_a_script_save_nothing(page, link):
    page.goto(f"{link}/9?lang=en")
    page.wait_for_timeout(800)
    page.evaluate(
        """() => { for (const name of ["pointerdown", "pointermove", "keydown", "touchstart", "wheel"])
                   document.body.dispatchEvent(new Event(name, {bubbles: true}));
                   const cell = document.querySelector("[name=score][value='3']");
                   cell.checked = true; cell.dispatchEvent(new Event("change", {bubbles: true})); }"""
    )
    page.wait_for_timeout(1200)

    assert not stored()


def test_a_driven_browser_saves_by_the_button_only(launch, link):
    driven = launch()
    tab = driven.new_page()
    tab.goto(f"{link}/9?lang=en")
    move(tab)
    tab.wait_for_timeout(300)
    assert not stored()

    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("heading", name="Thank you.")).to_be_visible()
    assert stored()[0].score == 9
    driven.close()


def test_somebody_else_may_say_so_after_a_movement_saved_the_score(page, link):
    page.goto(f"{link}/3?lang=en")
    move(page)
    expect(page.get_by_role("status")).to_have_text(SAVED)
    page.get_by_role("button", name="This was not my purchase").click()

    expect(page.get_by_role("heading", name="Thank you for telling us.")).to_be_visible()
    assert stored()[0].voided_at is not None


# ---- the way through -------------------------------------------------------------------------------------------


def test_a_tap_words_and_thanks_without_reloading(page, link):
    page.goto(f"{link}?lang=en")
    page.evaluate("window.sameDocument = true")
    page.wait_for_timeout(800)
    page.locator("label", has_text=re.compile("^3$")).tap()

    expect(page.locator("#why-heading")).to_have_text(
        "We are very sorry. What went wrong, and how can we put it right?"
    )
    expect(page.get_by_role("status")).to_have_text(SAVED)
    page.locator("#comment").fill("Дуже довго\nчекали 🙁")
    expect(page.locator("#count")).to_have_text("19 / 5000")
    page.get_by_text("Please contact me").click()
    page.get_by_role("button", name="Send").click()

    thanks = page.get_by_role("heading", name="Thank you. Your answer has reached those responsible.")
    expect(thanks).to_be_focused()
    expect(page.get_by_text("You will be called within two working days.")).to_be_visible()
    (answer,) = stored()
    assert (answer.score, answer.comment, answer.contact_wanted) == (3, "Дуже довго\nчекали 🙁", True)
    assert answer.finished_at is not None
    assert page.evaluate("window.sameDocument") is True


def test_the_keyboard_alone_is_enough(page, link):
    page.goto(f"{link}?lang=en")
    page.wait_for_timeout(800)
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "score":
            break
    page.keyboard.press("Space")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#why-heading")).to_have_text("What should we do to make it a ten next time?")
    expect(page.get_by_role("status")).to_have_text(SAVED)
    page.keyboard.press("Tab")
    page.keyboard.type("More shelves")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Thank you.")).to_be_focused()
    (answer,) = stored()
    assert (answer.score, answer.comment) == (7, "More shelves")
    # Arrow keys walk over seven scores; those in between are nobody's answer.
    assert [revision.score for revision in stored(ResponseRevision)] in ([7, 7], [0, 7, 7])


def test_digits_typed_outside_the_scale_choose_nothing(page, link):
    page.goto(f"{link}?lang=en")
    page.wait_for_timeout(800)
    page.keyboard.press("5")
    page.wait_for_timeout(1200)

    assert page.locator("[name=score]:checked").count() == 0
    assert not stored()


def test_too_long_a_text_is_not_sent(page, link):
    page.goto(f"{link}/9?lang=en")
    page.locator("#comment").fill("я" * 5001)
    page.get_by_role("button", name="Send").click()
    page.wait_for_timeout(500)

    expect(page.locator("#count")).to_have_text("5001 / 5000")
    assert not [answer for answer in stored() if answer.comment]


def test_thanks_lead_back_to_the_answer(page, link):
    page.goto(f"{link}/9?lang=en")
    page.locator("#comment").fill("Good")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Change my answer").click()
    expect(page.locator("#question")).to_be_focused()
    page.locator("#comment").fill("")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("heading", name="Thank you.")).to_be_focused()
    assert stored()[0].comment == ""


# ---- bad luck --------------------------------------------------------------------------------------------------


def test_without_a_connection_the_words_stay_and_are_sent_when_it_is_back(page, context, link):
    page.goto(f"{link}/2?lang=en")
    page.locator("#comment").fill("Nobody answers the phone")
    context.set_offline(True)
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("status")).to_have_text(
        "Your answer is not saved yet. It is still on this page: try again in a minute."
    )
    assert page.locator("#comment").input_value() == "Nobody answers the phone"
    context.set_offline(False)
    expect(page.get_by_role("heading", name="Thank you.")).to_be_visible()
    (answer,) = stored()
    assert (answer.score, answer.comment) == (2, "Nobody answers the phone")


def test_a_reloaded_page_still_has_the_words(page, link):
    page.goto(f"{link}/2?lang=en")
    page.locator("#comment").fill("Half a sentence")
    page.reload()

    assert page.locator("#comment").input_value() == "Half a sentence"


def test_the_browser_that_answered_may_go_on_and_another_one_may_not(page, chromium, link):
    page.goto(f"{link}/9?lang=en")
    page.locator("#comment").fill("Mine")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Thank you.")).to_be_visible()

    page.goto(f"{link}?lang=en")
    expect(page.locator("#answer")).to_be_visible()
    assert page.locator("#comment").input_value() == "Mine"
    assert page.locator("[name=score]:checked").input_value() == "9"

    other = chromium.new_context()
    stranger = other.new_page()
    stranger.goto(f"{link}/3?lang=en")
    expect(stranger.get_by_role("heading", name="You have answered: 9.")).to_be_visible()
    expect(stranger.locator("#answer")).to_be_hidden()
    move(stranger)
    stranger.wait_for_timeout(300)
    assert stored()[0].score == 9
    other.close()


def test_an_answer_given_meanwhile_leads_to_the_page_of_the_dispute(page, chromium, link):
    page.goto(f"{link}/3?lang=en")
    page.locator("#comment").fill("Bad")
    other = chromium.new_context()
    first = other.new_page()
    first.goto(f"{link}/9?lang=en")
    first.get_by_role("button", name="Send").click()
    expect(first.get_by_role("heading", name="Thank you.")).to_be_visible()
    other.close()

    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="You have answered: 9.")).to_be_visible()
    assert stored()[0].score == 9
    page.get_by_role("button", name="Change my answer to 3").click()
    expect(page.get_by_role("heading", name="Thank you.")).to_be_visible()
    assert (stored()[0].score, stored()[0].comment) == (3, "Bad")
    assert len(stored(DisputedAnswer)) == 1


def test_the_whole_way_works_without_scripts(chromium, link):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{link}/8?lang=uk")
    tab.locator("#send").click()
    expect(tab.get_by_role("heading", name="Що нам зробити, щоб наступного разу було десять?")).to_be_visible()
    tab.locator("#comment").fill("Ширший вибір")
    tab.locator("#send").click()
    expect(tab.get_by_role("heading", name="Дякуємо!")).to_be_visible()

    (answer,) = stored()
    assert (answer.score, answer.comment, answer.language) == (8, "Ширший вибір", "uk")
    assert not context.cookies()
    context.close()


# ---- who can use it --------------------------------------------------------------------------------------------


def _every_state(page: Page, link: str, language: str) -> Iterator[str]:
    """Lead the page through its states."""
    page.goto(f"{link}?lang={language}")
    yield "the question"
    page.goto(f"{link}/3?lang={language}")
    yield "the question with a tapped score"
    page.locator("#not-mine button").click()
    yield "not my purchase"
    page.locator("form .button").first.click()
    yield "taken back"
    page.evaluate("localStorage.clear()")
    with transaction() as session:
        session.execute(delete(ResponseRevision))
        session.execute(delete(Response))
        session.execute(update(Invitation).values(state=InvitationState.HANDED_OVER))
    page.goto(f"{link}/9?lang={language}")
    page.locator("#send").click()
    expect(page.locator("#thanks")).to_be_visible()
    yield "thanks"
    page.evaluate("localStorage.clear()")
    page.goto(f"{link}?lang={language}")
    yield "answered already"
    page.locator("#answered button").click()
    yield "changing"
    with transaction() as session:
        session.execute(update(Invitation).values(state=InvitationState.EXPIRED))
    page.goto(f"{link}?lang={language}", wait_until="load")
    yield "closed"
    page.goto(f"{link}x?lang={language}")
    yield "unknown"


@pytest.mark.parametrize(("width", "language"), [(320, "en"), (320, "ru"), (1280, "uk")])
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_state_is_accessible_and_fits(chromium, link, width, language, mode):
    with transaction() as session:
        session.execute(update(Brand).values(group_colours=mode == "dark", accent="#FFCC00"))
    context = chromium.new_context(viewport={"width": width, "height": 700}, color_scheme=mode)
    tab = context.new_page()
    for state in _every_state(tab, link, language):
        found = Axe().run(tab, options=RULES).response["violations"]
        assert not found, (state, [(one["id"], one["nodes"][0]["html"]) for one in found])
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, state
    context.close()


@pytest.mark.parametrize(("width", "rows"), [(320, 2), (599, 2), (600, 1), (1280, 1)])
def test_the_scale_is_large_enough_for_a_thumb(page, link, width, rows):
    page.set_viewport_size({"width": width, "height": 700})
    page.goto(f"{link}/9")

    boxes = [cell.bounding_box() for cell in page.locator(".cell").all()]
    assert len(boxes) == 11
    assert all(box["width"] >= 44 and box["height"] >= 44 for box in boxes)
    assert len({round(box["y"]) for box in boxes}) == rows
    for part in page.locator("button:visible, .langs a, footer a").all():
        assert part.bounding_box()["height"] >= 44


def test_the_ends_of_the_scale_are_named_for_a_screen_reader(page, link):
    page.goto(f"{link}?lang=en")

    group = page.get_by_role("group", name="How likely are you to recommend Vodolad to a friend or colleague?")
    expect(group.get_by_role("radio", name="0 – would never recommend")).to_have_count(1)
    expect(group.get_by_role("radio", name="10 – will tell everyone")).to_have_count(1)
    expect(group.get_by_role("radio", name="5", exact=True)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
