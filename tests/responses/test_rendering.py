"""The stylesheet of a brand, readable in light and dark, and pages put together from kept pieces."""

import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from npsapp.i18n import LANGUAGES, speaking
from npsapp.organization.rules import MIN_CONTRAST, WHITE, contrast
from npsapp.responses.forms import Fields
from npsapp.responses.rendering import DARK_PAPER, page, stylesheet
from npsapp.responses.rules import COMMENT_MAX

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

    look = texts("page", "style script icon here address key brand logo mailbox unsubscribe privacy")
    why = texts("why", "promoter passive detractor")
    wording = texts("wording", "naming question low high contact no_call promise")
    return {
        "page": look | {"language": language, "posted": who == "Olha", "group_colours": False, "test": True},
        "form": vars(Fields(nonce=f"nonce {who}", comment=f"\n{who} says </textarea>", **form)),
        "wording": wording | {"why": why, "thanks": why},
    }


@pytest.mark.parametrize("template", ["ask", "thanks", "closed", "disputed", "not_mine", "trouble", "unknown"])
@pytest.mark.parametrize("form", [{}, {"score": "9", "final": "1"}, {"score": "<b>", "contact": "0", "edit": "e"}])
def test_a_page_put_together_is_the_one_its_template_makes(app, template, form):
    said = {"state": "open", "group": "passive" if form else "", "words": "a < b", "thanks": "& thanks"}
    with app.test_request_context("/r/x"):
        for who, language in (("Olha", "uk"), ("Ivan", "uk"), ("Ivan", "en")):
            given_values = values(who, language, **form)
            at_once = {**given_values, **said, "limit": COMMENT_MAX}
            at_once["page"] = given_values["page"] | {"languages": LANGUAGES}
            with speaking(language):
                whole = app.jinja_env.get_template(f"responses/{template}.html").render(at_once)

            assert page(template, given_values, said) == whole
