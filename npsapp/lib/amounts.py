"""Amounts of money and moments as people and spreadsheets write them."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation

NOON = time(12)  # decisions.md 6: a date without time is twelve o'clock local time
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
    r"(?:[\sT]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?(?:\d{2})?)?",
    re.IGNORECASE,
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?)?")


def amount(cell: str | float | Decimal) -> Decimal | None:
    """The number in a cell, rounded to two decimals, or None when there is no number in it.

    Reads `19 100,00` with any kind of blank, `1,234.56`, `1.234,56`, `250000.5`, `99,90 грн.`, `(50,00)` as a
    negative one. A single separator followed by three digits (`1,234`) is ambiguous: a comma and a point that
    stand alone are decimal, unless three digits follow a comma.
    """
    if isinstance(cell, bool):
        return None
    if isinstance(cell, (int, float, Decimal)):
        return _rounded(Decimal(str(cell))) if math.isfinite(cell) else None
    text = _BLANKS.sub("", cell).replace("−", "-")
    text = _AROUND.sub("", text)
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1]
    plain = _with_point(text)
    if not _NUMBER.fullmatch(plain):
        return None
    return _rounded(Decimal(plain))


def _with_point(text: str) -> str:
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        last, other = (",", ".") if comma > point else (".", ",")
        return text.replace(other, "").replace(last, ".") if text.count(last) == 1 else ""
    grouped = _GROUPED.fullmatch(text)
    if grouped and (text.count(grouped[1]) > 1 or grouped[1] == ","):
        return text.replace(grouped[1], "")
    return text.replace(",", ".")


def _rounded(number: Decimal) -> Decimal | None:
    if abs(number) >= LARGEST:
        return None
    try:
        return number.quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def moment(cell: str | float | date | datetime | time | timedelta, zone: tzinfo) -> datetime | None:
    """The moment in a cell as UTC, or None when there is none.

    Reads `dd.mm.yyyy [h:mm[:ss]]` (also with `/`, `-`, two-digit years), ISO 8601 with or without offset,
    day numbers of spreadsheets and date cells. Without an offset it is wall-clock time in `zone`; without a
    time of day, or with 00:00:00 as programs write in its place, it is noon there. A wall-clock time that
    summer time skips or repeats is read as the earlier one.
    """
    if isinstance(cell, (bool, time, timedelta)):
        return None
    if isinstance(cell, (int, float)):
        return _day_number(float(cell), zone)
    if isinstance(cell, str):
        return _written(cell.strip().strip("'\""), zone)
    if isinstance(cell, datetime):
        return _whole_day_as_noon(cell, zone) if cell.tzinfo is None else cell.astimezone(UTC)
    return _local(datetime.combine(cell, NOON), zone)


def _written(text: str, zone: tzinfo) -> datetime | None:
    if len(text) > 40:
        return None
    if found := _ISO.fullmatch(text):
        year, month, day, hour, minute, second, _fraction, offset = found.groups()
        return _built((year, month, day), (hour, minute, second), zone, offset)
    if found := _DMY.fullmatch(text):
        day, month, year, hour, minute, second = found.groups()
        return _built(("20" + year if len(year) == 2 else year, month, day), (hour, minute, second), zone)
    if re.fullmatch(r"\d{5}(?:[.,]\d+)?", text):
        return _day_number(float(text.replace(",", ".")), zone)
    if found := _COMPACT.fullmatch(text):
        return _built(found.groups()[:3], found.groups()[3:], zone)
    return None


def _built(
    day: tuple[str | None, ...], at: tuple[str | None, ...], zone: tzinfo, offset: str | None = None
) -> datetime | None:
    year, month, day_of_month = (int(part or 0) for part in day)
    try:
        on = date(year, month, day_of_month)
        clock = NOON if at[0] is None else time(int(at[0]), int(at[1] or 0), int(at[2] or 0))
        naive = datetime.combine(on, clock)
        if offset and at[0] is not None:
            return naive.replace(tzinfo=_offset(offset)).astimezone(UTC)
        return _whole_day_as_noon(naive, zone) if at[2] is not None else _local(naive, zone)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> tzinfo:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-shift if text[0] == "-" else shift)


def _day_number(number: float, zone: tzinfo) -> datetime | None:
    if not math.isfinite(number) or not EXCEL_DAYS[0] <= number < EXCEL_DAYS[1]:
        return None
    exact = EXCEL_EPOCH + timedelta(days=number)
    to_second = (exact + timedelta(milliseconds=500)).replace(microsecond=0)
    return _whole_day_as_noon(to_second, zone)


def _whole_day_as_noon(naive: datetime, zone: tzinfo) -> datetime | None:
    """A date cell without a time of day arrives as midnight: nobody buys drain pipes at 00:00:00."""
    if naive.time() == time(0):
        naive = datetime.combine(naive.date(), NOON)
    return _local(naive, zone)


def _local(naive: datetime, zone: tzinfo) -> datetime | None:
    try:
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
