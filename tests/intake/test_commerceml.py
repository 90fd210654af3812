"""CommerceML of all versions becomes rows: the samples, every shape of a field, and files that are refused."""

import io
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring, tostring
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from npsapp.intake import commerceml
from npsapp.intake.rules import InteractionRow, Rejection, RejectReason, Setting
from npsapp.lib import xml_stream
from npsapp.lib.tables import FileRefused

DATA = Path(__file__).parent.parent / "data" / "commerceml"
FULL = DATA / "synthetic_cml31_documents_full.xml"
KYIV = ZoneInfo("Europe/Kyiv")
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
WANTED = frozenset({commerceml.DOCUMENT})


def _rows(path: Path, **settings: Any) -> list[InteractionRow | Rejection]:
    return list(commerceml.rows(path, Setting(zone=KYIV, now=NOW, settings=settings)))


def _local(row: InteractionRow) -> str:
    return row.happened_at.astimezone(KYIV).strftime("%Y-%m-%d %H:%M:%S")


@pytest.fixture
def one(tmp_path: Path):
    """`one("<Номер>1</Номер>", …)`: the only row of a file with this document."""

    def read(inside: str, *, root: str = "", encoding: str = "utf-8", **settings: Any) -> Any:
        text = f"<КоммерческаяИнформация {root}><Документ>{inside}</Документ></КоммерческаяИнформация>"
        path = tmp_path / "one.xml"
        path.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding))
        [row] = _rows(path, **settings)
        return row

    return read


def _order(more: str = "", **over: str) -> str:
    said = {"Ид": "a1", "Номер": "7", "Дата": "2026-11-03", "Время": "10:15:00", "ХозОперация": "Заказ товара"} | over
    return "".join(f"<{name}>{value}</{name}>" for name, value in said.items() if value) + more


def _requisites(**said: str) -> str:
    inside = "".join(
        f"<ЗначениеРеквизита><Наименование>{name.replace('_', ' ')}</Наименование><Значение>{value}</Значение>"
        "</ЗначениеРеквизита>"
        for name, value in said.items()
    )
    return f"<ЗначенияРеквизитов>{inside}</ЗначенияРеквизитов>"


def _buyer(inside: str, role: str = "Покупатель") -> str:
    return f"<Контрагенты><Контрагент><Роль>{role}</Роль>{inside}</Контрагент></Контрагенты>"


def _contact(kind: str, value: str) -> str:
    return f"<Контакт><Тип>{kind}</Тип><Значение>{value}</Значение></Контакт>"


# The samples


def test_the_bitrix_module_s_file_becomes_an_order_with_its_shipment_and_payment_and_five_more():
    rows = _rows(FULL)

    assert [(row.number, row.kind, row.state, row.basis) for row in rows if isinstance(row, InteractionRow)] == [
        ("БУ00-000101", "order", "completed", ""),
        ("БУ00-000077", "shipment", "completed", "БУ00-000101"),
        ("БУ00-000055", "payment", "completed", "БУ00-000101"),
        ("БУ00-000102", "order", "open", ""),
        ("РК00-000900", "shipment", "completed", ""),
        ("БУ00-000103", "order", "cancelled", ""),
        # The return names the shipment.
        ("БУ00-000009", "return", "returned", "БУ00-000077"),
    ]
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6, 7]


def test_the_first_order_of_the_sample_is_read_whole():
    row = _rows(FULL)[0]

    assert {name: value for name, value in asdict(row).items() if value} == {
        "line": 1,
        "external_id": "aaaa0001-0000-11f0-8000-000000000001",
        "happened_at": datetime(2026, 11, 5, 10, tzinfo=UTC),
        "number": "БУ00-000101",
        "unit": "Магазин Київ-Лівий берег",
        "region": "Київська обл.",
        "performers": (("manager", "Петренко Тест"),),
        "title": "Котел електричний КЕ-9",
        "amount": "19100.00",
        "currency": "UAH",
        "customer_id": "22222222-bbbb-11f0-8000-000000000001",
        "customer_name": "Тестова Олена Іванівна",
        "email": "olena.testova@example.com",
        "phone": "+380670000001",
        "kind": "order",
        "state": "completed",
        "status_raw": "Закрыт",
        "made": "2026-11-05T19:30:00+00:00",
        "properties": {"Город": "Бровари", "Подразделение": "Роздріб Київ"},
    }


def test_a_company_speaks_through_its_person_and_the_retail_buyer_is_nobody():
    rows = _rows(FULL)

    company, retail = rows[3], rows[4]
    assert (company.person_kind, company.customer_name) == ("", "Умовний Петро")
    assert (company.email, company.phone) == ("office@example.com", "+380480000002")
    assert (retail.customer_id, retail.customer_name, retail.email, retail.phone) == ("", "", "", "")


def test_an_old_file_in_windows_1251_without_namespace_is_read():
    [row] = _rows(DATA / "synthetic_cml204_ut103_cp1251.xml")

    assert (_local(row), row.amount, row.currency) == ("2026-11-03 09:04:05", "12345.60", "UAH")
    assert (row.kind, row.state, row.status_raw) == ("shipment", "completed", "Доставлен")
    assert (row.customer_name, row.email, row.phone) == ("Приклад Ігор", "ihor@example.org", "+380500000007")


def test_the_stock_exchange_without_contacts_gives_a_shipped_order_of_nobody_reachable():
    [row] = _rows(DATA / "synthetic_cml205_unf_stock_orders.xml")

    assert (row.number, row.state, _local(row)) == ("00СА-001205", "completed", "2026-11-04 16:00:00")
    assert (row.customer_name, row.email, row.phone) == ("Тестенко Іван Петрович", "", "")


def test_customers_cards_without_documents_give_nothing():
    assert _rows(DATA / "synthetic_cml31_contragents.xml") == []


# Fields


@pytest.mark.parametrize(
    ("day", "clock", "local"),
    [
        ("2026-11-03", "", "2026-11-03 12:00:00"),
        ("2026-11-03+02:00", "9:04:05", "2026-11-03 09:04:05"),
        ("05.11.2026 0:46:38", "05.11.2026 0:46:38", "2026-11-05 00:46:38"),
        ("2026-11-03T9:05:07", "", "2026-11-03 09:05:07"),
        ("2026-11-03T10:15:00.123456+02:00", "", "2026-11-03 10:15:00"),
        ("2026-11-03T10:15:00.123456+00:00", "", "2026-11-03 12:15:00"),
    ],
)
def test_dates_are_read_in_every_shape(one: Any, day: str, clock: str, local: str):
    assert _local(one(_order(Дата=day, Время=clock))) == local


@pytest.mark.parametrize("impossible", ["0001-01-01", "2031-01-01", "1970-01-01T00:00:00", "1899-12-30"])
def test_an_impossible_date_counts_as_missing(one: Any, impossible: str):
    kept = one(_order(Дата1С=impossible))
    lost = one(_order(Дата=impossible, Время=""))

    assert _local(kept) == "2026-11-03 10:15:00"
    assert (lost.reason, lost.value) == (RejectReason.BAD_DATE, impossible)


@pytest.mark.parametrize(
    ("written", "format_", "amount"),
    [
        ("12\u00a0345,60", "ЧЦ=18; ЧДЦ=2; ЧРД=,", "12345.60"),
        ("1,234.50", "", "1234.50"),
        ("1,234", "ЧЦ=18; ЧДЦ=2; ЧРД=,", "1.23"),
        ("1,234", "ЧЦ=18; ЧДЦ=2; ЧРД=.", "1234.00"),
        ("1.234", "ЧЦ=18; ЧДЦ=2; ЧРД=,", "1234.00"),
        ("9683.42", "ЧЦ=18; ЧДЦ=2; ЧРД=,", "9683.42"),
        ("250000.5", "", "250000.50"),
    ],
)
def test_amounts_follow_the_decimal_separator_of_the_file(one: Any, written: str, format_: str, amount: str):
    assert one(_order(Сумма=written), root=f'ФорматСуммы="{format_}"').amount == amount


@pytest.mark.parametrize(
    ("currency", "known"), [("грн", "UAH"), ("грн.", "UAH"), ("980", "UAH"), ("UAH", "UAH"), ("руб", "RUB"), ("", "")]
)
def test_currencies_are_known_by_all_their_names(one: Any, currency: str, known: str):
    assert (one(_order(Сумма="10", Валюта=currency)).currency) == known


def test_an_unknown_currency_costs_the_amount_and_not_the_purchase(one: Any):
    row = one(_order(Сумма="10", Валюта="тугрик"))

    assert (row.amount, row.currency) == ("", "")


def test_only_the_sum_of_the_document_itself_is_its_amount(one: Any):
    goods = "<Товары><Товар><Наименование>Чайник</Наименование><Сумма>99</Сумма></Товар></Товары>"

    row = one(_order("<Скидки><Скидка><Сумма>5</Сумма></Скидка></Скидки>" + goods))

    assert (row.amount, row.title) == ("", "Чайник")


def test_what_is_absent_stays_empty_and_a_short_notice_says_nothing_about_its_shipment(one: Any):
    row = one(_order(_requisites(Статус_заказа="[N] Открыт", Проведен="true")))

    assert (row.amount, row.customer_id, row.email, row.state, row.status_raw) == ("", "", "", "", "Открыт")


@pytest.mark.parametrize("name", ["Статус заказа", "СтатусЗаказа", "статус  ЗАКАЗА", "Cтатус закaзa"])
def test_names_of_requisites_are_compared_without_blanks_case_and_latin_look_alikes(one: Any, name: str):
    row = one(_order(_requisites(**{name: "Готов"})))

    assert row.status_raw == "Готов"


def test_an_element_with_a_latin_letter_in_its_name_is_found(one: Any):
    row = one(_order("<Cумма>10</Cумма><Номер1C>БУ-1  </Номер1C>"))

    assert (row.amount, row.number) == ("10.00", "БУ-1")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("", "order"),
        ("Заказ товара", "order"),
        ("Отпуск товара", "shipment"),
        ("Возврат товара", "return"),
        ("Возврат безналичных денег", "return"),
        ("Эквайринговая операция", "payment"),
        ("Выплата наличных денег", "payment"),
    ],
)
def test_operations_are_told_apart(one: Any, operation: str, kind: str):
    assert one(_order("<Основание>1</Основание>", ХозОперация=operation)).kind == kind


@pytest.mark.parametrize("operation", ["Счет на оплату", "Счет-фактура", "Передача прав", "Выплата наличных денег"])
def test_a_document_that_is_no_sale_is_rejected_with_its_operation(one: Any, operation: str):
    row = one(_order(ХозОперация=operation))

    assert (row.reason, row.value) == (RejectReason.NO_SALE, operation)


def test_an_empty_document_has_no_identity(one: Any):
    assert one("").reason is RejectReason.NO_DATE
    assert one("<Дата>2026-11-03</Дата>").reason is RejectReason.NO_IDENTITY


def test_without_an_id_the_number_in_its_year_tells_a_document(one: Any):
    row = one(_order(Ид=""))

    assert (row.external_id, row.numbered) == ("7|2026", True)


def test_a_long_id_is_shortened_and_stays_the_same(one: Any):
    first, again = one(_order(Ид="7#" + "я" * 200)), one(_order(Ид="7#" + "я" * 200))

    assert len(first.external_id) <= 80
    assert first.external_id == again.external_id


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"Отгружен": "true"}, "completed"),
        ({"Отгружен": "Да"}, "completed"),
        ({"Отгружен": "false"}, "open"),
        ({"Дата_отгрузки_по_1С": "2026-11-04T16:00:00"}, "completed"),
        ({"ДатаОтгрузки": "0001-01-01"}, "open"),
        ({"Отгружен": "true", "Проведен": "false"}, "open"),
        ({"Отгружен": "true", "Отменен": "true"}, "cancelled"),
        ({"Отгружен": "true", "ПометкаУдаления": "true"}, "cancelled"),
        ({"Оплачен": "true"}, "open"),
    ],
)
def test_an_order_is_completed_when_it_is_shipped(one: Any, said: dict[str, str], state: str):
    assert one(_order(_requisites(**said), Сумма="1")).state == state


@pytest.mark.parametrize(
    ("trigger", "said", "state"),
    [("paid", "Оплачен", "completed"), ("paid", "Отгружен", "open"), ("order", "Прочее", "completed")],
)
def test_a_connection_may_choose_another_trigger(one: Any, trigger: str, said: str, state: str):
    assert one(_order(_requisites(**{said: "true"}), Сумма="1"), trigger=trigger).state == state


@pytest.mark.parametrize(
    ("stores", "unit"),
    [
        ("<Склады><Склад><Ид>1</Ид><Наименование>Центр</Наименование></Склад></Склады>", "Центр"),
        ("<Склад>Центр</Склад>", "Центр"),
        ("<Склад><Наименование>Центр</Наименование></Склад>", "Центр"),
        (_requisites(Магазин="Центр"), "Центр"),
        (_requisites(Подразделение="Роздріб"), "Роздріб"),
        (_requisites(Склад="Центр", Подразделение="Роздріб"), "Центр"),
    ],
)
def test_the_store_is_found_wherever_it_stands(one: Any, stores: str, unit: str):
    assert one(_order(stores)).unit == unit


# Customers


@pytest.mark.parametrize(
    ("contacts", "email", "phone"),
    [
        (_contact("Почта", "A@Example.com"), "a@example.com", ""),
        (_contact("Электронная почта", "x@example.com; y@example.com"), "x@example.com", ""),
        (_contact("Прочее", "пишіть на x@example.com"), "x@example.com", ""),
        (_contact("Электронна пошта", "x@example.com"), "x@example.com", ""),
        (_contact("Почта", "buyer1700000000xx@shop.example"), "", ""),
        (_contact("Почта", "noemail_17@shop.example"), "", ""),
        (_contact("ТелефонРабочий", "8 (067) 000-00-01"), "", "+380670000001"),
        (_contact("Телефон мобильный", "067 000 00 01"), "", "+380670000001"),
        (_contact("Телефон рабочий", "999") + _contact("Телефон", "80670000001"), "", "+380670000001"),
        (_contact("Телефон рабочий", "+380 67 000 00 01, 067 000-00-03 дод. 12"), "", "+380670000001"),
        (_contact("Факс", "067 000 00 01"), "", ""),
    ],
)
def test_contacts_are_found_in_every_form(one: Any, contacts: str, email: str, phone: str):
    row = one(_order(_buyer(f"<Ид>c</Ид><Наименование>Олена</Наименование><Контакты>{contacts}</Контакты>")))

    assert (row.email, row.phone) == (email, phone)


def test_contacts_among_the_parts_of_an_address_are_found_too(one: Any):
    parts = "".join(
        f"<АдресноеПоле><Тип>{kind}</Тип><Значение>{value}</Значение></АдресноеПоле>"
        for kind, value in [("Регион", "Одеська"), ("Телефон", "0670000001"), ("Электронная почта", "x@example.com")]
    )

    row = one(_order(_buyer(f"<Наименование>О</Наименование><АдресРегистрации>{parts}</АдресРегистрации>")))

    assert (row.region, row.phone, row.email) == ("Одеська", "+380670000001", "x@example.com")


@pytest.mark.parametrize("deeper", [False, True])
def test_a_representative_has_contacts_in_both_shapes(one: Any, deeper: bool):
    person = f"<Наименование>Петро</Наименование><Контакты>{_contact('Почта', 'p@example.com')}</Контакты>"
    person = f"<Контрагент>{person}</Контрагент>" if deeper else person
    inside = "<ОфициальноеНаименование>ТОВ</ОфициальноеНаименование><Представители><Представитель>"

    row = one(_order(_buyer(f"{inside}{person}</Представитель></Представители>")))

    assert (row.customer_name, row.email, row.person_kind) == ("Петро", "p@example.com", "")


@pytest.mark.parametrize(
    "name",
    ["Розничный покупатель", "Роздрібний покупець", "Частное лицо", "Кінцевий споживач", "&lt;&gt;",
     "Покупатель через интернет-магазин"],
)  # fmt: skip
def test_a_shared_card_is_nobody(one: Any, name: str):
    row = one(_order(_buyer(f"<Ид>shared</Ид><Наименование>{name}</Наименование>")))

    assert (row.customer_id, row.customer_name) == ("", "")


def test_the_buyer_is_chosen_by_role(one: Any):
    both = "".join(
        f"<Контрагент><Ид>{role}</Ид><Наименование>Хтось</Наименование><Роль>{role}</Роль></Контрагент>"
        for role in ("Продавец", "Получатель", "Покупатель")
    )

    assert one(_order(f"<Контрагенты>{both}</Контрагенты>")).customer_id == "Покупатель"


def test_what_was_escaped_twice_is_read_as_it_was_meant(one: Any):
    row = one(_order(_buyer("<Ид>c</Ид><Наименование>Роги &amp;amp; Копита</Наименование>")))

    assert row.customer_name == "Роги & Копита"


def test_further_requisites_become_at_most_eight_properties_and_none_about_persons(one: Any):
    said = {f"Ознака {number}": str(number) for number in range(12)}
    row = one(_order(_requisites(Телефон="067", Комментарий="секрет", Адрес_доставки="вул.", **said)))

    assert list(row.properties) == [f"Ознака {number}" for number in range(8)]


# Envelopes and files


@pytest.mark.parametrize(
    "root", ["", 'xmlns="urn:1C.ru:commerceml_2"', 'xmlns="urn:1C.ru:commerceml_205"', 'xmlns="urn:1C.ru:commerceml_3"']
)
@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251", "utf-16", "utf-8-sig"])
def test_every_namespace_and_encoding_is_read(one: Any, tmp_path: Path, root: str, encoding: str):
    if encoding == "utf-8-sig":
        text = f"<КоммерческаяИнформация {root}><Документ>{_order()}</Документ></КоммерческаяИнформация>"
        (tmp_path / "bom.xml").write_text(text, encoding=encoding)
        [row] = _rows(tmp_path / "bom.xml")
    else:
        row = one(_order(), root=root, encoding=encoding)

    assert (row.external_id, row.kind) == ("a1", "order")


def test_a_prefix_makes_no_difference(tmp_path: Path):
    text = (
        '<c:КоммерческаяИнформация xmlns:c="urn:1C.ru:commerceml_3"><c:Контейнер><c:Документ><c:Ид>a</c:Ид>'
        "<c:Дата>2026-11-03</c:Дата></c:Документ></c:Контейнер></c:КоммерческаяИнформация>"
    )
    (tmp_path / "a.xml").write_text(text)

    assert [row.external_id for row in _rows(tmp_path / "a.xml")] == ["a"]


def test_a_catalogue_gives_no_documents(tmp_path: Path):
    goods = "<Товар><Ид>1</Ид></Товар>" * 20_000
    text = f"<КоммерческаяИнформация><Каталог><Товары>{goods}</Товары></Каталог></КоммерческаяИнформация>"
    (tmp_path / "import.xml").write_text(text)

    assert _rows(tmp_path / "import.xml") == []


def _refused(path: Path) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        _rows(path)
    return refused.value


def test_a_truncated_file_is_refused_with_its_line():
    refusal = _refused(DATA / "bad_truncated.xml")

    assert (refusal.code, refusal.values) == ("broken_off", {"line": 121})


def test_a_document_type_is_refused_and_no_entity_is_read():
    refusal = _refused(DATA / "bad_xxe.xml")

    assert (refusal.code, refusal.values) == ("document_type", {"line": 1})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<not valid xml!!!", "not_xml"),
        (b"", "broken_off"),
        (b"\x89PNG\r\n", "not_xml"),
        ("<Файл/>".encode(), "not_commerceml"),
        ('<?xml version="1.0" encoding="klingon"?><КоммерческаяИнформация/>'.encode(), "wrong_encoding"),
        ("<КоммерческаяИнформация><Документ>&x;</Документ></КоммерческаяИнформация>".encode(), "not_xml"),
        ('<?xml version="1.0" encoding="utf-8"?><КоммерческаяИнформация/>'.encode("cp1251"), "not_xml"),
    ],
)
def test_what_is_no_commerceml_is_refused(tmp_path: Path, content: bytes, code: str):
    (tmp_path / "bad.xml").write_bytes(content)

    assert _refused(tmp_path / "bad.xml").code == code


def test_one_endless_document_is_refused_before_it_fills_the_memory(tmp_path: Path):
    text = "<КоммерческаяИнформация><Документ><Комментарий>" + "а" * (xml_stream.LARGEST_ELEMENT // 2 + 70_000)
    (tmp_path / "big.xml").write_text(text)

    assert _refused(tmp_path / "big.xml").code == "document_too_large"


class _Pieces(io.RawIOBase):
    """A file that comes in the pieces somebody chose."""

    def __init__(self, content: bytes, cuts: list[int]) -> None:
        edges = [0, *sorted(cuts), len(content)]
        self._pieces: Iterator[bytes] = (
            content[begin:end] for begin, end in zip(edges, edges[1:], strict=False) if begin < end
        )

    def read(self, _size: int = -1) -> bytes:
        return next(self._pieces, b"")


SAMPLES = {path: path.read_bytes() for path in sorted(DATA.glob("synthetic_*.xml"))}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), path=st.sampled_from(sorted(SAMPLES)))
def test_any_split_of_the_bytes_gives_the_same_documents(data: st.DataObject, path: Path):
    content = SAMPLES[path]
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=40))
    whole = [tostring(one) for one in fromstring(content).iter() if xml_stream.local_name(one.tag) in WANTED]

    pieces = [tostring(one) for one in xml_stream.elements(_Pieces(content, cuts), WANTED)]

    # What stands between two documents may hang on the first of them or not.
    assert [one.rstrip() for one in pieces] == [one.rstrip() for one in whole]
