"""Rows become cleaned rows or rejections."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from npsapp.intake.checking import Checker
from npsapp.intake.columns import Field, layout, plain_text, plain_texts
from npsapp.intake.rules import InteractionRow, Rejection, RejectReason, Setting, packed, unpacked
from npsapp.lib.tables import Cell

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
SETTING = Setting(ZoneInfo("Europe/Kyiv"), NOW, brands={"водолад": 1}, touchpoints={"purchase": 7, "доставка": 8})


def _check(cells: dict[str, Cell], checker: Checker | None = None) -> InteractionRow | Rejection:
    return (checker or _checker(cells)).check(5, list(cells.values()))


def _checker(cells: dict[str, Cell]) -> Checker:
    found = layout(1, list(cells))
    assert len(found.columns) == len(cells)
    return Checker(found.columns, len(found.titles), SETTING)


def _row(**over: Cell) -> InteractionRow:
    found = _check({"external_id": "A1", "happened_at": "03.11.2026 10:15", **over})
    assert isinstance(found, InteractionRow), found
    return found


def _rejection(**over: Cell) -> Rejection:
    found = _check({"external_id": "A1", "happened_at": "03.11.2026 10:15", **over})
    assert isinstance(found, Rejection), found
    return found


def test_a_full_row_is_cleaned():
    row = _row(
        number="БУ00-000101",
        touchpoint="Доставка",
        brand="ВОДОЛАД",
        unit="  Магазин   Київ ",
        performer="продавець: Іван; курьер: Петро",
        amount="19\u00a0100,00",
        currency="грн.",
        email="Olena@Example.com; x@y.ua",
        phone=380670000001.0,
        language="UA",
        consent_email="так",
        consent_sms="ні",
        key_customer="да",
        title="лоток " * 40,
    )

    assert (row.brand_id, row.touchpoint_id, row.unit) == (1, 8, "Магазин Київ")
    assert row.performers == (("seller", "Іван"), ("courier", "Петро"))
    assert (row.amount, row.currency) == ("19100.00", "UAH")
    assert (row.email, row.phone, row.language) == ("olena@example.com", "+380670000001", "uk")
    assert row.consents == {"email": True, "sms": False}
    assert row.is_key is True
    assert len(row.title) == 120
    assert row.happened_at == datetime(2026, 11, 3, 8, 15, tzinfo=UTC)


def test_a_row_survives_being_kept():
    row = _row(
        performer="Іван",
        consent_email="нет",
        key_customer="нет",
        status="Закрыт",
        email="a@b.co; c@d.co",
        phone="1-2-3-4-5",
    )

    [again] = unpacked(packed([row]))

    assert replace(again, said=0) == row
    assert (row.more, row.wrong) == ((("email", "c@d.co"),), (("phone", "1-2-3-4-5"),))
    assert row.is_key is False
    assert row.cancelled is False


@pytest.mark.parametrize(
    ("over", "reason", "column"),
    [
        ({"happened_at": ""}, RejectReason.NO_DATE, "happened_at"),
        ({"happened_at": "31.02.2026"}, RejectReason.BAD_DATE, "happened_at"),
        ({"happened_at": "22.11.2026"}, RejectReason.FUTURE_DATE, "happened_at"),
        ({"happened_at": "01.01.1900"}, RejectReason.EARLY_DATE, "happened_at"),
        ({"external_id": ""}, RejectReason.NO_IDENTITY, ""),
        ({"external_id": "x" * 81}, RejectReason.TOO_LONG, "external_id"),
        ({"amount": "много"}, RejectReason.BAD_AMOUNT, "amount"),
        ({"currency": "шт"}, RejectReason.BAD_CURRENCY, "currency"),
        ({"consent_email": "может быть"}, RejectReason.BAD_YES_NO, "consent_email"),
        ({"touchpoint": "unknown"}, RejectReason.UNKNOWN_TOUCHPOINT, "touchpoint"),
        ({"brand": "Чужой"}, RejectReason.UNKNOWN_BRAND, "brand"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason_and_cell(over: dict[str, Cell], reason: RejectReason, column: str):
    found = _rejection(**over)

    assert (found.line, found.reason, found.column) == (5, reason, column)
    assert found.reason.label


def test_a_row_with_more_cells_than_headings_is_rejected():
    checker = _checker({"external_id": "", "happened_at": ""})

    found = checker.check(9, ["A1", "03.11.2026", "лишнее"])

    assert isinstance(found, Rejection)
    assert found.reason is RejectReason.TOO_MANY_CELLS
    assert isinstance(checker.check(9, ["A1", "03.11.2026", "", ""]), InteractionRow)


@pytest.mark.parametrize("email", ["-", "нет", "noemail_1@shop.example"])
def test_a_customer_without_an_address_is_taken_in(email: str):
    assert _row(email=email, phone="999").email == ""


def test_a_mistyped_email_does_no_harm_where_the_phone_is_good():
    row = _row(email="olena@", phone="067 123 45 67")

    assert row.wrong == (("email", "olena@"),)

    assert (row.email, row.phone) == ("", "+380671234567")


def test_a_number_is_an_identity_within_its_year():
    cells = {"number": "БУ00-000101", "happened_at": "03.11.2026"}

    row = _check(cells)

    assert isinstance(row, InteractionRow)
    assert row.external_id == "БУ00-000101|2026"
    assert row.numbered


def test_a_1c_document_tells_number_and_date():
    row = _check({"Регистратор": "Реализация товаров и услуг БУ00-000101 от 03.11.2026 10:15:00"})

    assert isinstance(row, InteractionRow)
    assert row.number == "БУ00-000101"
    assert row.happened_at == datetime(2026, 11, 3, 8, 15, tzinfo=UTC)


def test_the_same_number_for_another_purchase_is_rejected_and_a_repeated_row_is_not():
    cells = {"number": "12", "happened_at": "03.11.2026", "email": "a@b.co"}
    checker = _checker(cells)

    first = _check(cells, checker)
    again = _check(cells, checker)
    other = _check({**cells, "email": "c@d.co"}, checker)

    assert isinstance(first, InteractionRow)
    assert first == again
    assert isinstance(other, Rejection)
    assert other.reason is RejectReason.REPEATED_NUMBER


def test_without_id_and_number_like_rows_are_counted_so_the_same_file_gives_the_same_ids():
    cells = {"happened_at": "03.11.2026", "email": "a@b.co", "amount": "10"}

    def ids() -> list[str]:
        checker = _checker(cells)
        later = {**cells, "happened_at": "03.11.2026 18:00"}
        found = [_check(one, checker) for one in (cells, later, {**cells, "amount": "11"})]
        return [row.external_id for row in found if isinstance(row, InteractionRow)]

    assert len(set(ids())) == 3
    assert ids() == ids()


def test_a_negative_amount_or_a_cancelled_order_is_a_purchase_taken_back():
    assert _row(amount="-50").cancelled is True
    assert _row(status="Отменён").cancelled is True
    assert _row(status="Закрыт").cancelled is False
    assert _row().cancelled is None


def test_control_characters_do_not_get_through():
    row = _row(customer_name="Олена\x00\u202eТестова\n", title="a\tb")

    assert (row.customer_name, row.title) == ("Олена Тестова", "a b")


CELLS = st.one_of(
    st.text(max_size=30),
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.none(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@given(st.lists(CELLS, min_size=len(Field), max_size=len(Field) + 2))
def test_no_cell_breaks_the_check(cells: list[Cell]):
    checker = Checker({field: at for at, field in enumerate(Field)}, len(Field), SETTING)

    found = checker.check(1, cells)

    assert isinstance(found, InteractionRow | Rejection)
    if isinstance(found, InteractionRow):
        assert InteractionRow.from_json(found.to_json()) == found
        assert len(found.external_id) <= 200


@given(
    st.lists(st.one_of(st.text(max_size=12), st.text(" |\xa0\tабa", max_size=6), st.none(), st.integers(), st.floats()))
)
def test_a_row_looked_at_as_a_whole_reads_as_its_cells_do_one_by_one(cells: list[Cell]) -> None:
    assert plain_texts(cells) == [plain_text(cell) for cell in cells]


def test_rows_that_an_earlier_version_kept_while_they_wait_are_read_by_this_one():
    row = InteractionRow(7, "a1", datetime(2026, 11, 5, tzinfo=UTC), email="a@shop.example", more=(("email", "b@b.b"),))
    names, line = packed([row]).split("\n")
    before, values = json.loads(names), json.loads(line.partition("\t")[2])
    kept = f"{json.dumps([*before, 'version'])}\n\t{json.dumps([*values, 'AAAB'])}"

    [found] = unpacked(kept)

    assert replace(found, said=0) == row
