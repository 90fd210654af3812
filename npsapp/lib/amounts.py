"""Amounts of money and moments as people and spreadsheets write them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache

NOON = 12  # decisions.md 6: a date without time is twelve o'clock local time
LARGEST = Decimal(10) ** 12
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's day number has no zone
EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119; smaller numbers in a date column are numbers, not dates

_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009'’_]+")
_AROUND = re.compile(r"^(?:[^\W\d]+\.?)?[^\d\-+(.,]*|[^\d)]*$")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_DMY = re.compile(
    r"(\d{1,2})[./-](\d{1,2})[./-](\d{4}|\d{2})(?:\s*(?:г|р)\.?)?"
    r"(?:[\sT,]+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:[.,]\d+)?)?)?"
)
_ISO = re.compile(
    r"(\d{4})[-./](\d{1,2})[-./](\d{1,2})"
    r"(?:[\sT]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?)?\s*(Z|[+-]\d{2}:?(?:\d{2})?)?",
    re.IGNORECASE,
)
_DAY_NUMBER = re.compile(r"\d{5}(?:[.,]\d{1,15})?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?")


@lru_cache(maxsize=1_000)
def amount(text: str) -> Decimal | None:
    """The number in a cell, rounded to two decimals, or None when there is no number in it.

    Reads `19 100,00` with any kind of blank, `1,234.56`, `1.234,56`, `250000.5`, `99,90 грн.`, `(50,00)` as a
    negative one. A single separator followed by three digits (`1,234`) is ambiguous: a comma and a point that
    stand alone are decimal, unless three digits follow a comma.
    """
    bare = _AROUND.sub("", _BLANKS.sub("", text).replace("−", "-"))
    if bare.startswith("(") and bare.endswith(")"):
        bare = "-" + bare[1:-1]
    plain = _with_point(bare)
    if not _NUMBER.fullmatch(plain) or abs(number := Decimal(plain)) >= LARGEST:
        return None
    return number.quantize(Decimal("0.01"))


def _with_point(text: str) -> str:
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        last, other = (",", ".") if comma > point else (".", ",")
        return text.replace(other, "").replace(last, ".") if text.count(last) == 1 else ""
    grouped = _GROUPED.fullmatch(text)
    if grouped and (text.count(grouped[1]) > 1 or grouped[1] == ","):
        return text.replace(grouped[1], "")
    return text.replace(",", ".")


@lru_cache(maxsize=2_000)
def moment(text: str, zone: tzinfo) -> datetime | None:
    """The moment in a cell as UTC, or None when there is none.

    Reads `dd.mm.yyyy [h:mm[:ss]]` (also with `/`, `-`, two-digit years), ISO 8601 with or without offset, and
    day numbers of spreadsheets. Without an offset it is wall-clock time in `zone`; without a time of day, or
    with 00:00:00 as programs write in its place, it is noon there. A wall-clock time that summer time skips or
    repeats is read as the earlier one.
    """
    text = text.strip("'\" ")
    if found := _DMY.fullmatch(text):
        day, month, year, *at = found.groups()
        return _built("20" + year if len(year) == 2 else year, month, day, at, zone)
    if found := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        year, month, day, hour, minute, second, *offset = found.groups()
        return _built(year, month, day, (hour, minute, second), zone, *offset)
    return _day_number(float(text.replace(",", ".")), zone) if _DAY_NUMBER.fullmatch(text) else None


def _built(
    year: str, month: str, day: str, at: Sequence[str | None], zone: tzinfo, offset: str | None = None
) -> datetime | None:
    hour, minute, second = int(at[0] or 0), int(at[1] or 0), int(at[2] or 0)
    # A date without a time of day often arrives as midnight: nobody buys drain pipes at 00:00:00.
    if at[0] is None or not (hour or minute or second or at[2] is None or offset):
        hour = NOON
    try:
        there = _offset(offset) if offset and at[0] else zone
        return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=there).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-shift if text[0] == "-" else shift)


def _day_number(number: float, zone: tzinfo) -> datetime | None:
    if not EXCEL_DAYS[0] <= number < EXCEL_DAYS[1]:
        return None
    return moment(f"{EXCEL_EPOCH + timedelta(days=number, milliseconds=500):%Y-%m-%d %H:%M:%S}", zone)
