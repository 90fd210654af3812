"""Names are matched as people write them, colours are readable, brands stand in the right case."""

import pytest
from hypothesis import given, strategies as st

from npsapp.lib.clock import zone
from npsapp.organization import rules


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Киев", " КИЕВ "),
        ("Артём", "Артем"),
        ("ТОВ «Лотокбуд»", 'тов "Лотокбуд"'),
        ("Слов’янськ", "Слов'янськ"),
        ("Слов'янськ", "Словянськ"),
        ("Ивано-Франковск", "Ивано – Франковск"),
        ("Склад  № 2", "склад\u00a0№ 2"),
        ("ＡＢＣ", "abc"),
    ],
)
def test_two_spellings_of_one_name_are_the_same(one: str, other: str) -> None:
    assert rules.fold(one) == rules.fold(other)


@pytest.mark.parametrize(("one", "other"), [("Київ", "Киев"), ("Склад 1", "Склад 11"), ("Cклад", "Склад")])
def test_different_names_stay_different(one: str, other: str) -> None:
    assert rules.fold(one) != rules.fold(other)


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert rules.fold(rules.fold(name)) == rules.fold(name)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Київ", "kiiv"),
        ("Одесса, склад № 2", "odessa-sklad-no-2"),
        ("Щебінь", "shchebin"),
        ("Vodolad Park", "vodolad-park"),
        ("№", "no"),
        ("—", "item"),
    ],
)
def test_keys_are_proposed_in_latin_letters(name: str, key: str) -> None:
    assert rules.make_key(name) == key


@given(st.text(max_size=80))
def test_every_proposed_key_can_stand_in_an_address(name: str) -> None:
    key = rules.make_key(name)

    assert 1 <= len(key) <= 40
    assert key.strip("abcdefghijklmnopqrstuvwxyz0123456789-") == ""


@pytest.mark.parametrize(
    ("fill", "text"),
    [("#1F5FBF", "#FFFFFF"), ("#FFC400", rules.ON_FILL), ("#000000", "#FFFFFF"), ("#ffffff", rules.ON_FILL)],
)
def test_an_accent_gets_the_text_colour_that_can_be_read(fill: str, text: str) -> None:
    assert rules.accent_fault(fill) is None
    assert rules.readable_accent(fill) == rules.Accent(fill.upper(), text)


def test_an_accent_on_which_nothing_can_be_read_is_refused() -> None:
    wording, values = rules.accent_fault("#7C7C7C")

    assert wording == rules.UNREADABLE
    assert values["ratio"] == "4.4"
    assert rules.accent_fault(values["proposal"]) is None


@given(st.integers(0, 0xFFFFFF))
def test_every_proposal_can_be_read(colour: int) -> None:
    fault = rules.accent_fault(f"#{colour:06X}")

    assert fault is None or rules.accent_fault(fault[1]["proposal"]) is None


@pytest.mark.parametrize("wrong", ["", "blue", "#12345", "#12345G", "red;}", "#1F5FBF00"])
def test_what_is_no_colour_is_refused_and_replaced(wrong: str) -> None:
    assert rules.accent_fault(wrong) == (rules.NOT_A_COLOUR, {})
    assert rules.readable_accent(wrong).fill == rules.DEFAULT_ACCENT


def test_contrast_is_that_of_the_norm() -> None:
    assert rules.contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert rules.contrast("#1B2430", "#FFFFFF") == pytest.approx(15.7, abs=0.05)


@given(st.integers(0, 0xFFFFFF), st.integers(0, 0xFFFFFF))
def test_contrast_does_not_depend_on_the_order(one: int, other: int) -> None:
    left, right = f"#{one:06X}", f"#{other:06X}"

    assert rules.contrast(left, right) == rules.contrast(right, left)
    assert 1 <= rules.contrast(left, right) <= 21.0001


@pytest.mark.parametrize(
    ("language", "phrases", "expected"),
    [
        ("ru", {}, "компанию «Водолад»"),
        ("uk", {}, "компанію «Водолад»"),
        ("en", {}, "Vodolad"),
        ("ru", {"ru": "магазин «Водолад»"}, "магазин «Водолад»"),
        ("uk", {"uk": "  "}, "компанію «Водолад»"),
        ("uk", {"ru": "магазин «Водолад»"}, "компанію «Водолад»"),
    ],
)
def test_the_brand_stands_in_the_accusative(language: str, phrases: dict[str, str], expected: str) -> None:
    names = {"en": "Vodolad", "ru": "Водолад", "uk": "Водолад"}

    assert rules.company_phrase(language, names=names, phrases=phrases) == expected


def test_a_name_with_quotation_marks_of_its_own_gets_inner_ones():
    assert rules.with_name("кафе «{name}»", "Кав’ярня «Зерно»") == "кафе «Кав’ярня „Зерно“»"
    assert rules.with_name("{name}", "Кав’ярня «Зерно»") == "Кав’ярня «Зерно»"


@pytest.mark.parametrize("name", rules.COMMON_ZONES)
def test_every_offered_zone_exists(name: str) -> None:
    assert zone(name).key == name
