"""How good the survey page is in a real browser: its weight, its calm, whom it leaves out."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.lib.clock import utcnow
from npsapp.responses.models import Response
from npsapp.surveys import services as surveys
from npsapp.surveys.rules import Kind, Option, Question, Questionnaire, Scale
from tests import factories as make
from tests.browser import ONE_DATABASE, RULES
from tests.pages.looks import MEASURE

pytestmark = [pytest.mark.browser, ONE_DATABASE]

LANGUAGES = {
    "en": ("0 – would never recommend", "10 – will tell everyone"),
    "ru": ("0 — ни за что не порекомендую", "10 — обязательно расскажу всем"),
    "uk": ("0 — нізащо не порекомендую", "10 — обов’язково розповім усім"),
}
SHIFTS = """new PerformanceObserver((list) => list.getEntries().forEach((one) => {
  if (!one.hadRecentInput) window.shifts = (window.shifts || []).concat([[one.value, one.sources.map((from) =>
    from.node && (from.node.id || from.node.nodeName))]]); })).observe({ type: "layout-shift", buffered: true });"""
TARGETS = """() => [...document.querySelectorAll("a, button, label, textarea, input.line, summary")]
  .filter((one) => one.checkVisibility() && !one.matches("label.text"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([one, box]) => box.height < 44 || box.width < 44)
  .map(([one, box]) => `${one.outerHTML.slice(0, 60)}: ${box.width} x ${box.height}`)"""
MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const style = getComputedStyle(one);
  return parseFloat(style.transitionDuration) || parseFloat(style.animationDuration) || style.scrollBehavior !== "auto";
}).length + document.getAnimations().length"""


def texts(words: str) -> dict[str, str]:
    return dict.fromkeys(LANGUAGES, words)


def with_four_more(questionnaire: Questionnaire) -> Questionnaire:
    """The questionnaire with a rating, one choice, several choices and words, as long as people write them."""
    options = tuple(Option(f"o{at}", texts(f"Довго чекав на склад {at}")) for at in range(4))
    more = (
        Question("r", Kind.RATING, {"wording": texts("Оцініть роботу продавця")}, scale=Scale.FIVE),
        Question("o", Kind.ONE, {"wording": texts("Як ви дізналися про нас?")}, options=options),
        Question("m", Kind.MANY, {"wording": texts("Що саме було не так?")}, options=options),
        Question("w", Kind.WORDS, {"wording": texts("Чого бракувало в магазині?")}),
    )
    recommend, *rest = questionnaire.questions
    return Questionnaire((recommend, *more, *rest), questionnaire.texts)


@pytest.fixture
def link(company: SimpleNamespace, address: str) -> str:
    """The link of an open invitation."""
    with transaction():
        return f"{address}/r/{make.make_invitation(company, now=utcnow()).steps[0].token}"


@pytest.fixture
def asks_more(company: SimpleNamespace) -> None:
    """The survey has four further questions."""
    with transaction():  # before `link` invites anybody
        survey, now = company.survey, utcnow()
        surveys.edit(survey.id, with_four_more, based_on=surveys.stamp(survey.version), actor=PROGRAM, now=now)
        survey.version, survey.draft = survey.draft, None


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Callable[..., Any]]:
    """`with tab(width=…, …) as page`: a fresh browser window."""

    @contextmanager
    def opened(width: int = 320, **options: Any) -> Iterator[Page]:
        context = chromium.new_context(viewport={"width": width, "height": 700}, **options)
        context.set_default_timeout(10_000)
        try:
            yield context.new_page()
        finally:
            context.close()

    return opened


def choose(page: Page, score: int) -> None:
    page.wait_for_timeout(750)  # a younger page does not believe a hand
    page.locator("#answer .cell").nth(score).click()


def weights(page: Page, address: str) -> dict[str, float]:
    """What each file weighs on the wire, with its headers, uncompressed."""
    names: dict[str, str] = {}
    found: dict[str, float] = {}
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.responseReceived", lambda one: names.update({one["requestId"]: one["type"]}))
    network.on("Network.loadingFinished", lambda one: found.update({names[one["requestId"]]: one["encodedDataLength"]}))
    page.goto(address, wait_until="networkidle")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_weighs_less_than_20_kilobytes_on_the_wire(tab, link, language):
    with tab() as page:
        found = weights(page, f"{link}/3?lang={language}")

    assert found.keys() >= {"Document", "Stylesheet", "Script"}
    assert sum(found.values()) < 19_500, found


def test_it_stays_below_them_with_four_further_questions(tab, asks_more, link):
    for language in LANGUAGES:
        with tab() as page:
            found = weights(page, f"{link}/3?lang={language}")

        assert sum(found[kind] for kind in ("Document", "Stylesheet", "Script")) < 20 * 1024, found


@pytest.mark.parametrize(("path", "width"), [("", 320), ("/9", 320), ("/9", 1280)])
def test_nothing_on_the_page_jumps(tab, link, path, width):
    """Neither while a slow script comes, nor when the score is saved."""

    def slowly(route: Route) -> None:
        page.wait_for_timeout(300)
        route.continue_()

    with tab(width) as page:
        page.add_init_script(SHIFTS)
        page.route("**/script/*", slowly)
        page.goto(f"{link}{path}?lang=uk")
        choose(page, 6)
        expect(page.locator("#status")).not_to_be_empty()
        page.wait_for_timeout(600)

        assert page.evaluate("window.shifts || []") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everybody_in_every_language(tab, link, scheme):
    """Axe, thumbs, 320 px, 200 % of 640 px, ends of the scale in words, nothing in motion."""
    for number, (language, ends) in enumerate(LANGUAGES.items()):
        narrow = number % 2 == (scheme == "light")
        options = {"device_scale_factor": 2} if narrow else {"reduced_motion": "reduce"}
        width = 320 if narrow else 1280
        with tab(width, color_scheme=scheme, **options) as page:
            page.goto(f"{link}/3?lang={language}")
            where = (language, width)
            expect(page.locator("#why")).to_be_visible()
            assert page.evaluate(MEASURE, False) == [], where
            assert page.evaluate(TARGETS) == [], where
            assert page.evaluate(MOVING) == 0, where
            found = Axe().run(page, options=RULES).response["violations"]
            assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], where
            for words in ends:
                expect(page.get_by_role("radio", name=words, exact=True)).to_have_count(1)
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 29)"}[scheme]


def test_whoever_changes_the_language_keeps_score_and_words(tab, link):
    with tab() as page:
        page.goto(f"{link}?lang=en")
        choose(page, 3)
        page.locator("#comment").fill("Довго чекали")
        page.get_by_role("link", name="Русский").click()

        expect(page.locator("html")).to_have_attribute("lang", "ru")
        expect(page.get_by_role("heading", level=1)).to_contain_text("порекомендуете")
        assert page.locator("[name=score]:checked").input_value() == "3"
        expect(page.locator("#comment")).to_have_value("Довго чекали")
        expect(page.locator("#why-heading")).to_contain_text("Нам очень жаль")


def test_whoever_changes_the_language_while_the_score_is_saved_may_go_on_writing(tab, link):
    with tab() as page:
        page.goto(f"{link}?lang=en")
        held = []
        page.route(link, lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
        with page.expect_request(lambda request: request.method == "POST"):
            choose(page, 3)
        page.locator("#comment").fill("Довго чекали")
        reply = held[0].fetch()
        page.get_by_role("link", name="Русский").click()
        held[0].fulfill(response=reply)

        expect(page.locator("html")).to_have_attribute("lang", "ru")
        expect(page.locator("#question")).to_contain_text("порекомендуете")
        expect(page.locator("#comment")).to_be_visible()
        expect(page.locator("#comment")).to_have_value("Довго чекали")
        assert page.locator("[name=score]:checked").input_value() == "3"


def test_it_is_whole_without_scripts_grid_and_custom_properties(tab, link):
    """An old phone: everything that it would not understand is taken out of the stylesheet."""
    with tab(java_script_enabled=False) as page:
        found = re.search(r'href="([^"]*/style/[^"]+)"', page.request.get(link).text())
        style = page.request.get(urljoin(link, found[1])).text()
        old = re.sub(r"--[\w-]+:[^;}]*;?|[\w-]+:[^;{}]*var\([^;}]*;?|display:grid;?|grid[\w-]*:[^;}]*;?", "", style)
        old = old.replace("display:flex", "display:block")
        page.route("**/style/*.css", lambda route: route.fulfill(body=old, content_type="text/css"))
        page.goto(f"{link}?lang=uk")
        cells = [cell.bounding_box() for cell in page.locator(".cell").all()]
        assert all(box and box["height"] >= 44 and box["x"] + box["width"] <= 320 for box in cells)
        page.locator("#answer .cell").nth(8).click()
        page.locator("#send").click()
        expect(page.get_by_role("heading", name="Що нам зробити")).to_be_visible()
        page.locator("#comment").fill("Ширший вибір")
        page.locator("#send").click()
        expect(page.get_by_role("heading", name="Дякуємо")).to_be_visible()

    assert not re.search(r"var\(|--[a-z]|grid", old)
    db.session.rollback()
    assert [(one.score, one.comment) for one in db.session.scalars(select(Response))] == [(8, "Ширший вибір")]
