"""Words in cells that mean one of a few things."""

import pytest

from npsapp.intake import words


@pytest.mark.parametrize("text", ["yes", "Да", "так", "1", "+", "TRUE", " Є "])
def test_yes_is_understood_in_three_languages(text: str):
    assert words.yes_or_no(text) is True


@pytest.mark.parametrize("text", ["no", "Нет", "ні", "0", "-", "false"])
def test_no_is_understood_in_three_languages(text: str):
    assert words.yes_or_no(text) is False


def test_perhaps_is_neither():
    assert words.yes_or_no("может быть") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("грн.", "UAH"),
        ("₴", "UAH"),
        ("980", "UAH"),
        ("руб", "RUB"),
        ("usd", "USD"),
        ("chf", "CHF"),
        ("шт", None),
    ],
)
def test_a_currency_is_read_by_code_sign_and_word(text: str, code: str | None):
    assert words.currency(text) == code


@pytest.mark.parametrize("text", ["Отменён", "Скасовано", "Cancelled", "Возврат", "Повернення", "refunded"])
def test_a_purchase_taken_back_is_recognised(text: str):
    assert words.taken_back(text)


@pytest.mark.parametrize(
    "text",
    ["Закрыт", "К обеспечению", "Частичный возврат", "Не отменён", "Часткове повернення", "completed", ""],
)
def test_other_states_leave_the_purchase_standing(text: str):
    assert not words.taken_back(text)


def test_performers_come_with_or_without_roles():
    assert words.performers("Петренко Тест") == [("", "Петренко Тест")]
    assert words.performers("Продавець: Іван  Тест; courier: Петро; ") == [
        ("seller", "Іван Тест"),
        ("courier", "Петро"),
    ]


@pytest.mark.parametrize(("text", "code"), [("UA", "uk"), ("ru-RU", "ru"), ("English", "en"), ("pl", None)])
def test_a_language_is_one_of_ours_or_none(text: str, code: str | None):
    assert words.language(text) == code


@pytest.mark.parametrize("name", ["Розничный покупатель", "Роздрібний покупець", "Частное лицо", "<>"])
def test_a_card_for_everybody_is_nobody(name: str):
    assert words.nobody(name)


def test_a_real_name_is_somebody():
    assert not words.nobody("Тестова Олена Іванівна")
