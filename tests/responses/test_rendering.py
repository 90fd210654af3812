"""The stylesheet of a brand, readable in light and dark, and pages put together from kept pieces."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from npsapp.i18n import LANGUAGES, speaking
from npsapp.organization.rules import MIN_CONTRAST, WHITE, contrast
from npsapp.responses.forms import Fields
from npsapp.responses.rendering import DARK_PAPER, Frame, marks, page, stylesheet, worded
from npsapp.responses.rules import COMMENT_MAX
from npsapp.surveys.rules import Wording

FILE = Path(__file__).parents[2] / "npsapp" / "static" / "css" / "survey.css"
colours = st.integers(0, 0xFFFFFF).map("#{:06X}".format)
BUTTON = re.compile(r",\.button\{border-color:(#\w+);background-color:(#\w+);color:(#\w+)\}")


@given(colours)
def test_links_edges_and_buttons_can_be_read_in_both_modes(colour):
    text = stylesheet(FILE, 0, colour).text

    (light_edge, light_fill, light_text), (dark_edge, dark_fill, dark_text) = BUTTON.findall(text)
    assert contrast(light_edge, WHITE) >= MIN_CONTRAST
    assert contrast(light_fill, light_text) >= MIN_CONTRAST
    assert contrast(dark_edge, DARK_PAPER) >= MIN_CONTRAST
    assert contrast(dark_fill, dark_text) >= MIN_CONTRAST


def test_what_is_no_colour_gets_the_usual_one():
    assert stylesheet(FILE, 0, "#;}body{}") == stylesheet(FILE, 0, "")


def test_there_are_no_custom_properties_for_old_browsers():
    text = stylesheet(FILE, 0, "#C62828").text

    assert "--" not in text
    assert "var(" not in text


# ---- pages -----------------------------------------------------------------------------------------------------


def values(who: str, language: str, **form: str) -> dict[str, dict[str, object]]:
    """What a page needs, every text naming its place and its visitor."""

    def texts(part: str, names: str) -> dict[str, str]:
        return {name: f'{part} {name} of <{who}> & "sons"' for name in names.split()}

    return {
        "page": texts("page", "here address key unsubscribe"),
        "form": vars(Fields(nonce=f"nonce {who}", comment=f"\n{who} says </textarea>", **form)),
        "purchase": texts("purchase", "title") | {"name": who, "place": "", "number": "5 pcs."},
    }


def frame(language: str, *, posted: bool) -> Frame:
    """What is alike for all visitors, with holes for a purchase."""
    look = {name: f"page {name} <b>" for name in ("style", "script", "icon", "brand", "logo", "mailbox", "privacy")}
    wording = words(language, marks(values("Olha", language)["purchase"]))
    more = {"language": language, "posted": posted, "group_colours": False, "test": True}
    return Frame(look | more | {"languages": tuple(LANGUAGES.items())}, wording)


def words(language: str, purchase: Iterable[tuple[str, str]]) -> Wording:
    """A question as it reads for one purchase."""
    content = {"questions": [{"key": "nps", "kind": "recommend", "texts": QUESTION}], "texts": {}}
    return worded(json.dumps(content), language, '{"en": "Shop & Co"}', "{}", tuple(purchase))


QUESTION = {
    part: {"en": text}
    for part, text in {
        "wording": "[{name}, how|How] likely would you recommend {company}[ in {place}], {number}.",
        "low": "not <at> all",
        "high": "yes, {title}.",
    }.items()
}


@pytest.mark.parametrize("template", ["ask", "thanks", "closed", "disputed", "not_mine", "trouble", "unknown"])
@pytest.mark.parametrize("form", [{}, {"score": "9", "final": "1"}, {"score": "<b>", "contact": "0", "edit": "e"}])
def test_a_page_put_together_is_the_one_its_template_makes(app, template, form):
    said = {"state": "open", "group": "passive" if form else "", "words": "a < b", "thanks": "& thanks"}
    with app.test_request_context("/r/x"):
        for who, language, posted in (("Olha", "uk", True), ("Ivan", "uk", True), ("Ivan", "en", False)):
            about = values(who, language, **form)
            kept = frame(language, posted=posted)
            at_once = {**about, **said, "limit": COMMENT_MAX, "page": {**kept.page, **about["page"]}}
            at_once["wording"] = words(language, about["purchase"].items())
            with speaking(language):
                whole = app.jinja_env.get_template(f"responses/{template}.html").render(at_once)

            for _again in range(2):
                assert page(template, kept, {**about, "said": said}) == whole
