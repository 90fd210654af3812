"""The stylesheet of a brand: readable in light and dark, whatever accent was chosen."""

import re

from hypothesis import given
from hypothesis import strategies as st

from npsapp.organization.rules import MIN_CONTRAST, ON_FILL, WHITE, contrast, readable_accent
from npsapp.responses.rendering import DARK_PAPER, stylesheet

colours = st.integers(0, 0xFFFFFF).map("#{:06X}".format)
BUTTON = re.compile(r",\.button\{border-color:(#\w+);background-color:(#\w+);color:(#\w+)\}")


@given(colours)
def test_links_edges_and_buttons_can_be_read_in_both_modes(colour):
    text = stylesheet("", accent=readable_accent(colour), group_colours=False)

    (light_edge, light_fill, light_text), (dark_edge, dark_fill, dark_text) = BUTTON.findall(text)
    assert contrast(light_edge, WHITE) >= MIN_CONTRAST
    assert contrast(light_fill, light_text) >= MIN_CONTRAST
    assert contrast(dark_edge, DARK_PAPER) >= MIN_CONTRAST
    assert contrast(dark_fill, dark_text) >= MIN_CONTRAST


def test_group_colours_appear_only_if_the_brand_wants_them():
    accent = readable_accent("#1F5FBF")

    assert ".groups" not in stylesheet("", accent=accent, group_colours=False)
    assert stylesheet("", accent=accent, group_colours=True).count(ON_FILL) > 3


def test_there_are_no_custom_properties_for_old_browsers():
    text = stylesheet("", accent=readable_accent("#C62828"), group_colours=True)

    assert "--" not in text
    assert "var(" not in text
