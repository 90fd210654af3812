"""The stylesheet of a brand: readable in light and dark, whatever accent was chosen."""

import re
from pathlib import Path

from hypothesis import given, strategies as st

from npsapp.organization.rules import MIN_CONTRAST, WHITE, contrast
from npsapp.responses.rendering import DARK_PAPER, stylesheet

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
