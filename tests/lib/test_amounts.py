"""Amounts and moments as people and spreadsheets write them."""

from datetime import UTC, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from npsapp.lib.amounts import amount, moment

KYIV = ZoneInfo("Europe/Kyiv")


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("19\u00a0100,00", "19100.00"),
        ("250\u202f000,50", "250000.50"),
        ("1 234 567,8", "1234567.80"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1.234.567", "1234567.00"),
        ("1,234", "1234.00"),
        ("99,90 грн.", "99.90"),
        ("грн.100", "100.00"),
        ("$1,000.00", "1000.00"),
        ("(50,00)", "-50.00"),
        ("−7", "-7.00"),
        ("0.30000000000000004", "0.30"),
        ("12abc3", None),
        ("", None),
        ("1,2,3", None),
        ("9" * 20, None),
        ("nan", None),
    ],
)
def test_an_amount_is_read_in_all_its_spellings(cell: str, number: str | None):
    assert amount(cell) == (Decimal(number) if number else None)


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([" ", "\u00a0", "\u202f", ""]))
def test_what_is_printed_in_a_russian_report_is_read_back(number: Decimal, blank: str):
    printed = f"{number:,.2f}".replace(",", blank).replace(".", ",")

    assert amount(printed) == number


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_amounts(text: str):
    assert amount(text) is None or abs(amount(text)) < 10**12


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("03.11.2026 10:15:00", datetime(2026, 11, 3, 8, 15, tzinfo=UTC)),
        ("3.11.2026 9:00", datetime(2026, 11, 3, 7, 0, tzinfo=UTC)),
        ("03.11.2026", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("03.11.2026 0:00:00", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("03.11.2026 0:46:38", datetime(2026, 11, 2, 22, 46, 38, tzinfo=UTC)),
        ("3/11/26", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("03.11.2026 г.", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("2026-11-03", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("2026-11-03T9:05:07", datetime(2026, 11, 3, 7, 5, 7, tzinfo=UTC)),
        ("2026-11-03T10:15:00+02:00", datetime(2026, 11, 3, 8, 15, tzinfo=UTC)),
        ("2026-11-03T10:15:00.123Z", datetime(2026, 11, 3, 10, 15, tzinfo=UTC)),
        ("2026-11-03T10:15:00-0530", datetime(2026, 11, 3, 15, 45, tzinfo=UTC)),
        ("46329.427083333", datetime(2026, 11, 3, 8, 15, tzinfo=UTC)),
        ("46329", datetime(2026, 11, 3, 10, 0, tzinfo=UTC)),
        ("2026-07-01 10:00:00", datetime(2026, 7, 1, 7, 0, tzinfo=UTC)),
        ("20260701", datetime(2026, 7, 1, 9, 0, tzinfo=UTC)),
        ("10:00:00", None),
        ("31.02.2026", None),
        ("11/23/2026", None),
        ("вчера", None),
        ("2026-11-03T25:00", None),
        ("7", None),
        ("", None),
    ],
)
def test_a_moment_is_read_in_all_its_spellings(cell: str, expected: datetime | None):
    assert moment(cell, KYIV) == expected


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001 - wall-clock times
def test_a_printed_moment_is_read_back(naive: datetime):
    naive = naive.replace(microsecond=0)
    if naive.time() == time(0):
        naive = naive.replace(hour=1)

    assert moment(naive.strftime("%d.%m.%Y %H:%M:%S"), UTC) == naive.replace(tzinfo=UTC)
    assert moment(naive.isoformat(), UTC) == naive.replace(tzinfo=UTC)


@given(st.text(max_size=45))
def test_no_text_breaks_the_reading_of_moments(text: str):
    found = moment(text, KYIV)

    assert found is None or found.tzinfo is not None
