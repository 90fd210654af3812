"""Phone numbers as people write them."""

import phonenumbers
import pytest
from hypothesis import given, strategies as st

from npsapp.lib.phones import country_of_zone, normalise, numbers_in


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("(067) 000-00-01", "UA", "+380670000001"),
        ("+380 48 000 00 02", "UA", "+380480000002"),
        ("048 000-00-03", "UA", "+380480000003"),
        ("8 (067) 123-45-67", "UA", "+380671234567"),
        ("380670000001.0", "UA", "+380670000001"),
        ("00380671234567", "UA", "+380671234567"),
        ("0671234567 доб. 12", "UA", "+380671234567"),
        ("тел. 067 123 45 67", "UA", "+380671234567"),
        ("8 916 123-45-67", "RU", "+79161234567"),
        ("9161234567", "RU", "+79161234567"),
        ("+7 (916) 123-45-67", "UA", "+79161234567"),
        ("+1 202 555 0123", "UA", "+12025550123"),
        ("999", "UA", None),
        ("3,8067E+11", "UA", None),
        ("", "UA", None),
        ("нет", "RU", None),
    ],
)
def test_a_number_is_read_as_its_writer_meant_it(text: str, country: str, number: str | None):
    assert normalise(text, country) == number


def test_several_numbers_in_one_cell_are_all_found_in_order():
    cell = "+380 48 000 00 02, 048 000-00-03; 0671234567 / +380 48 000 00 02"

    assert numbers_in(cell) == ["+380480000002", "+380480000003", "+380671234567"]


def test_a_remark_in_the_phone_column_is_no_number():
    assert numbers_in("Звонить после обеда, " * 20) == []


def test_a_zone_tells_the_country_and_an_unknown_one_means_ukraine():
    assert country_of_zone("Europe/Moscow") == "RU"
    assert country_of_zone("Europe/Kyiv") == country_of_zone("Etc/GMT+3") == "UA"


@given(st.integers(0, 10**12), st.sampled_from(["UA", "RU"]), st.sampled_from(["", "+", "0", "8", "380", "+7"]))
def test_the_quick_way_agrees_with_the_library(digits: int, country: str, prefix: str):
    text = f"{prefix}{digits}"

    found = normalise(text, country)

    if found is not None:
        assert phonenumbers.is_valid_number(phonenumbers.parse(found, None))
        assert normalise(found, country) == found


@given(st.text(max_size=60), st.sampled_from(["UA", "RU"]))
def test_no_text_breaks_the_reading(text: str, country: str):
    assert all(number.startswith("+") and number[1:].isdigit() for number in numbers_in(text, country))
