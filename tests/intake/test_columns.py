"""Headings become fields, and words in cells mean one of a few things."""

import pytest
from hypothesis import given, strategies as st

from npsapp.intake import columns
from npsapp.intake.columns import Expected, Field, is_heading, layout, normal_heading


def _fields(*titles: str) -> dict[str, str]:
    found = layout(1, titles)
    return {field.value: found.titles[at] for field, at in found.columns.items()}


@pytest.mark.parametrize("field", list(Field))
def test_every_field_is_known_by_its_own_name_in_any_spelling(field: Field):
    for title in (field.value, field.value.upper(), field.value.replace("_", " ").title() + "."):
        assert _fields(title) == {field.value: title}


@pytest.mark.parametrize(
    ("titles", "expected"),
    [
        (("Order number", "Date", "Store", "E-mail", "Total"), {"number", "happened_at", "unit", "email", "amount"}),
        (
            ("№ документа", "Дата", "Контрагент", "Эл. почта", "Моб. телефон", "Сумма документа"),
            {"number", "happened_at", "customer_name", "email", "phone", "amount"},
        ),
        (
            ("Замовлення", "Дата продажу", "ПІБ", "Ел. пошта", "Мобільний", "Сума з ПДВ", "Філія", "Регіон"),
            {"number", "happened_at", "customer_name", "email", "phone", "amount", "unit", "region"},
        ),
    ],
)
def test_headings_in_three_languages_are_recognised(titles: tuple[str, ...], expected: set[str]):
    assert set(_fields(*titles)) == expected


def test_a_stronger_heading_takes_the_field_and_the_weaker_column_finds_another_or_none():
    assert _fields("Подразделение", "Склад", "Дата") == {"unit": "Склад", "happened_at": "Дата"}
    assert _fields("Подразделение", "Дата") == {"unit": "Подразделение", "happened_at": "Дата"}
    assert _fields("Контрагент", "Партнер") == {"customer_name": "Контрагент", "partner": "Партнер"}
    assert _fields("Партнер", "Дата") == {"customer_name": "Партнер", "happened_at": "Дата"}


def test_what_people_chose_before_wins_also_for_ignored_columns():
    found = layout(1, ["Дата", "Код", "E-mail"], Expected({"код": "external_id", "E-mail": ""}))

    assert found.chosen == {"Дата": "happened_at", "Код": "external_id", "E-mail": ""}


def test_titles_that_repeat_or_are_missing_are_told_apart():
    found = layout(1, ["Телефон", "Телефон", "", None])

    assert found.titles == ("Телефон", "Телефон (2)", "(3)", "(4)")


def test_two_headings_make_a_heading_row_only_with_the_date():
    assert is_heading(layout(1, ["Дата", "E-mail"]))
    assert not is_heading(layout(1, ["Сумма", "E-mail"]))
    assert is_heading(layout(1, ["Сумма", "E-mail", "Магазин"]))


def test_the_required_columns_are_named_when_they_are_missing():
    assert layout(1, ["Дата", "Сумма", "Магазин"]).missing == ("an identifier, a number, an e-mail or a phone",)
    assert layout(1, ["E-mail", "Сумма", "Магазин"]).missing == ("the date of the purchase",)
    assert layout(1, ["Дата", "Телефон"]).missing == ()
    assert layout(1, ["Регистратор", "Сумма"]).missing == ()


@given(st.lists(st.text(max_size=20), max_size=12))
def test_no_titles_break_the_recognition(titles: list[str]):
    found = layout(1, titles)

    assert len(set(found.titles)) == len(titles)
    assert len(set(found.columns.values())) == len(found.columns)
    assert layout(1, found.titles, Expected(found.chosen)).chosen == found.chosen


@given(st.text(max_size=30))
def test_comparing_headings_is_stable(title: str):
    assert normal_heading(normal_heading(title)) == normal_heading(title)


@pytest.mark.parametrize("text", ["yes", "Да", "так", "1", "+", "TRUE", " Є "])
def test_yes_is_understood_in_three_languages(text: str):
    assert columns.yes_or_no(text) is True


@pytest.mark.parametrize("text", ["no", "Нет", "ні", "0", "-", "false"])
def test_no_is_understood_in_three_languages(text: str):
    assert columns.yes_or_no(text) is False


def test_perhaps_is_neither():
    assert columns.yes_or_no("может быть") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("грн.", "UAH"), ("₴", "UAH"), ("980", "UAH"), ("руб", "RUB"), ("usd", "USD"), ("chf", "CHF"), ("шт", None)],
)
def test_a_currency_is_read_by_code_sign_and_word(text: str, code: str | None):
    assert columns.currency(text) == code


@pytest.mark.parametrize("text", ["Отменён", "Скасовано", "Cancelled", "Возврат", "Повернення", "refunded"])
def test_a_purchase_taken_back_is_recognised(text: str):
    assert columns.taken_back(text)


@pytest.mark.parametrize(
    "text", ["Закрыт", "К обеспечению", "Частичный возврат", "Не отменён", "Часткове повернення", "completed", ""]
)
def test_other_states_leave_the_purchase_standing(text: str):
    assert not columns.taken_back(text)


def test_performers_come_with_or_without_roles():
    assert columns.performers("Петренко Тест") == (("", "Петренко Тест"),)
    assert columns.performers("Продавець: Іван  Тест; courier: Петро; ") == (
        ("seller", "Іван Тест"),
        ("courier", "Петро"),
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [("UA", "uk"), ("ru-RU", "ru"), ("English", "en"), ("pl-PL", "pl"), ("польська", "pl"), ("xx", "")],
)
def test_a_language_is_known_by_code_or_name_or_none(text: str, code: str):
    assert columns.language(text) == code


@pytest.mark.parametrize("name", ["Розничный покупатель", "Роздрібний покупець", "Частное лицо", "<>"])
def test_a_card_for_everybody_is_nobody(name: str):
    assert columns.nobody(name)


def test_a_real_name_is_somebody():
    assert not columns.nobody("Тестова Олена Іванівна")
