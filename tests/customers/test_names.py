"""People are addressed rightly or not by name at all."""

import pytest
from hypothesis import given, strategies as st

from npsapp.customers.names import is_firm, propose_address


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Иванов Иван Петрович", "Иван Петрович"),
        ("Иван Петрович Иванов", "Иван Петрович"),
        ("ИВАНОВА ЕЛЕНА СЕРГЕЕВНА", "Елена Сергеевна"),
        ("Кац Илья Ильич", "Илья Ильич"),
        ("Петров-Водкин Кузьма Сергеевич", "Кузьма Сергеевич"),
        ("Иванова Елена", "Елена"),
        ("Иванов И. П.", ""),
        ("Иванов", ""),
        ("Абрамович Иванович", ""),
        ("Роман Максим", ""),
        ("Коваленко Олена Іванівна", ""),
        ("ООО «Ромашка»", ""),
        ("ИП Иванов Иван Петрович", ""),
        ("", ""),
        ("+380671234567", ""),
    ],
)
def test_russian_addresses_by_first_name_and_patronymic(name: str, expected: str) -> None:
    assert propose_address(name, language="ru") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Коваленко Олена Іванівна", "Олено Іванівно"),
        ("Петро Іванович Шевченко", "Петре Івановичу"),
        ("Мар'яна Олегівна Бондар", "Мар’яно Олегівно"),
        ("В’ячеслав Петрович Гук", "В’ячеславе Петровичу"),
        ("Марія Яківна Левченко", "Маріє Яківно"),
        ("Олег Ілліч Рак", "Олеже Іллічу"),
        ("Коваленко Олена", "Олено"),
        ("Ігор Марчук", "Ігоре"),
        ("Андрій Шевченко", "Андрію"),
        ("Наталя Бойко", "Наталю"),
        ("Василь Стус", "Василю"),
        ("Любов Ткач", "Любове"),
        ("Микола Лисенко", "Миколо"),
        ("Марко Вовк", "Марку"),
        ("Елена Иванова", ""),
        ("Иван Петрович Иванов", ""),
        ("ФОП Коваль Олена Іванівна", ""),
        ("Бондар О. І.", ""),
    ],
)
def test_ukrainian_addresses_in_the_vocative(name: str, expected: str) -> None:
    assert propose_address(name, language="uk") == expected


@pytest.mark.parametrize(("name", "expected"), [("John Smith", "John"), ("Smith", ""), ("Олена Коваленко", "")])
def test_english_uses_a_first_name_it_knows(name: str, expected: str) -> None:
    assert propose_address(name, language="en") == expected


@pytest.mark.parametrize(
    "name",
    ["ООО Ромашка", "ТОВ «Лотокбуд»", "ФОП Коваль О. І.", "Acme Ltd", 'Магазин "Сад"', "ПрАТ Дренаж", "LLC Stone"],
)
def test_firms_are_recognised(name: str) -> None:
    assert is_firm(name)


@pytest.mark.parametrize("name", ["Иванов Иван", "Ліна Костенко", "Тов", "Гончар Олесь", "John Smith"])
def test_people_are_not_taken_for_firms(name: str) -> None:
    assert is_firm(name) == (name == "Тов")


@given(st.text(max_size=80), st.sampled_from(["en", "ru", "uk"]))
def test_a_proposal_holds_letters_only(name: str, language: str) -> None:
    address = propose_address(name, language=language)

    assert all(char.isalpha() or char in " -’" for char in address)
