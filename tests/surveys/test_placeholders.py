"""Placeholders: safe to fill, sentences that survive a missing name, mistakes found while editing."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from npsapp.surveys import placeholders
from npsapp.surveys.placeholders import PLACEHOLDERS, fill, fill_line, spoken_day, text_fault

FULL = {
    "name": "Елена Ивановна", "title": "лоток", "number": "48-1203", "date": "3 ноября", "place": "Одесса",
    "brand": "Водолад", "company": "компанию «Водолад»",
}  # fmt: skip
EMPTY = dict.fromkeys(PLACEHOLDERS, "")


def values(**known: str) -> dict[str, str]:
    return EMPTY | known


@pytest.mark.parametrize(
    ("text", "full", "empty"),
    [
        ("Ваш заказ[ от {date}]: вопрос", "Ваш заказ от 3 ноября: вопрос", "Ваш заказ: вопрос"),
        ("[{name}, здравствуйте|Здравствуйте].", "Елена Ивановна, здравствуйте.", "Здравствуйте."),
        ("Good day[, {name}].", "Good day, Елена Ивановна.", "Good day."),
        ("because you [bought {title}|made a purchase]", "because you bought лоток", "because you made a purchase"),
        ("[{number}|{title}|—]", "48-1203", "—"),
        ("Заказ [№ {number}] готов", "Заказ № 48-1203 готов", "Заказ готов"),
        ("[{name}, {title}|{name}|Вы]", "Елена Ивановна, лоток", "Вы"),
        ("Просто текст", "Просто текст", "Просто текст"),
        ("Первая\nвторая [{title}]\n", "Первая\nвторая лоток", "Первая\nвторая"),
    ],
)
def test_sentences_read_well_with_and_without_facts(text: str, full: str, empty: str) -> None:
    assert fill(text, FULL) == full
    assert fill(text, EMPTY) == empty


def test_a_value_cannot_bring_placeholders_of_its_own() -> None:
    tricky = values(title="{brand}[{name}|x]{0.__class__}", brand="Водолад", name="Олена")

    assert fill("Вы купили {title}", tricky) == "Вы купили {brand}[{name}|x]{0.__class__}"
    assert fill("[Вы купили {title}]", tricky) == "Вы купили {brand}[{name}|x]{0.__class__}"


def test_a_value_with_line_breaks_cannot_break_a_subject() -> None:
    assert fill_line("Order {title}", values(title="lot\r\nBcc: x@example.com")) == "Order lot Bcc: x@example.com"


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_rendering_never_fails_and_a_line_stays_a_line(text: str, name: str, title: str) -> None:
    said = fill_line(text, values(name=name, title=title))

    assert len(said.splitlines()) <= 1


@given(st.dictionaries(st.sampled_from(sorted(PLACEHOLDERS)), st.text("абв {}[]|", min_size=1, max_size=8)))
def test_every_known_placeholder_is_replaced_once(given_values: dict[str, str]) -> None:
    table = values(**given_values)
    text = " / ".join("{" + key + "}" for key in PLACEHOLDERS)

    assert " ".join(fill(text, table).split()) == " ".join(" / ".join(table[key] for key in PLACEHOLDERS).split())


@pytest.mark.parametrize(
    ("text", "fault", "detail"),
    [
        ("Hello {nme}", placeholders.UNKNOWN_PLACEHOLDER, "{nme}"),
        ("Hello {}", placeholders.UNKNOWN_PLACEHOLDER, "{}"),
        ("Hello {Name}", placeholders.UNKNOWN_PLACEHOLDER, "{Name}"),
        ("Hello {name.__class__}", placeholders.UNKNOWN_PLACEHOLDER, "{name.__class__}"),
        ("Hello [, {nme}]", placeholders.UNKNOWN_PLACEHOLDER, "{nme}"),
        ("Hello {name", placeholders.BRACKETS, ""),
        ("Hello name}", placeholders.BRACKETS, ""),
        ("Hello [, {name}", placeholders.BRACKETS, ""),
        ("Hello [[, {name}]]", placeholders.BRACKETS, ""),
        ("Hello [you]", placeholders.BRACKETS, ""),
        ("x" * 51, placeholders.TOO_LONG, "50"),
        ("one\ntwo", placeholders.LINE_BREAK, ""),
    ],
)
def test_a_mistake_is_named_while_editing(text: str, fault: str, detail: str) -> None:
    assert text_fault(text, at_most=50, one_line=True) == (fault, detail)


@pytest.mark.parametrize("text", ["", "Hello[, {name}].", "[{title}|your order] of {date}", "50 % (approx.) & <b>"])
def test_a_right_text_has_no_fault(text: str) -> None:
    assert text_fault(text, at_most=50, one_line=True) is None


@pytest.mark.parametrize(("language", "expected"), [("en", "3 November"), ("ru", "3 ноября"), ("uk", "3 листопада")])
def test_a_day_is_spoken_in_the_case_the_texts_need(language: str, expected: str) -> None:
    assert spoken_day(date(2026, 11, 3), language, today=date(2026, 11, 20)) == expected


@pytest.mark.parametrize(
    ("language", "expected"), [("en", "3 November 2025"), ("ru", "3 ноября 2025 года"), ("uk", "3 листопада 2025 року")]
)
def test_a_day_of_another_year_is_spoken_with_it(language: str, expected: str) -> None:
    assert spoken_day(date(2025, 11, 3), language, today=date(2026, 1, 20)) == expected
