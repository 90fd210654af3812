"""The quick way of reading an amount comes to what the careful one says."""

from hypothesis import given, strategies as st

from npsapp.intake import checking
from npsapp.lib import amounts


@given(st.from_regex(checking._PLAIN_AMOUNT, fullmatch=True))
def test_an_everyday_amount_is_read_as_any_other(text: str) -> None:
    assert checking._amount(text) == str(amounts.amount(text))
