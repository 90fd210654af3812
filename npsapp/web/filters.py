"""Dates, numbers, clocks, money and phone numbers in templates: in the reader's language and time zone."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import phonenumbers
from babel import dates, numbers
from flask import Flask, g
from flask_babel import get_locale, get_timezone, gettext, ngettext
from phonenumbers import NumberParseException, PhoneNumberFormat

from npsapp.i18n import DEFAULT_LANGUAGE, LANGUAGES, language_name, language_now
from npsapp.lib.clock import utcnow
from npsapp.lib.texts import text_in

Number = int | float | Decimal
SOON = timedelta(hours=2)  # a deadline this near is shown as urgent


def init_app(app: Flask) -> None:
    """Register the filters and the values every template may use."""
    for name, function in FILTERS.items():
        app.add_template_filter(function, name)
    app.add_template_global(ngettext)  # in place of Jinja's own, which writes 11000 for 11,000
    app.context_processor(lambda: {"now": moment_of_request(), "languages": LANGUAGES, "language": language_now()})


def moment_of_request() -> datetime:
    """One "now" for the whole page, so that two clocks on it never contradict each other. UTC."""
    if "now" not in g:
        g.now = utcnow()
    found: datetime = g.now
    return found


def moment(at: datetime | None) -> str:
    """3 Nov 2026, 14:05"""
    return _dated(at, "d MMM y, HH:mm")


def day(at: date | datetime | None) -> str:
    """3 November 2026; a plain date is shown as it is, a moment on the reader's calendar."""
    return _dated(at, "d MMMM y")


def short_day(at: date | datetime | None) -> str:
    """3 Nov, with the year when it is not the present one."""
    if at is None:
        return ""
    same_year = _local(at).year == _local(moment_of_request()).year
    return _dated(at, "d MMM" if same_year else "d MMM y")


def weekday(at: date | datetime | None) -> str:
    """Tuesday, 3 November"""
    return _dated(at, "EEEE, d MMMM")


def month(at: date | datetime | None) -> str:
    """November 2026"""
    return _dated(at, "LLLL y")


def clock_time(at: datetime | time | None) -> str:
    """14:05; a plain time of day is shown as it is."""
    if isinstance(at, time):
        return at.strftime("%H:%M")
    return _dated(at, "HH:mm")


def ago(at: datetime | None) -> str:
    """3 hours ago, in 2 days."""
    if at is None:
        return ""
    span = at - moment_of_request()
    return dates.format_timedelta(span, threshold=1, add_direction=True, locale=_locale())


def due(at: datetime | None) -> str:
    """What the clock of a deadline says: "Overdue: 3 hours" or "in 2 hours"."""
    if at is None:
        return ""
    left = at - moment_of_request()
    if left < timedelta(0):
        late: str = gettext("Overdue: %(time)s", time=duration(-left))
        return late
    return ago(at)


def due_kind(at: datetime | None) -> str:
    """The CSS class of a deadline: late, soon, or nothing."""
    if at is None:
        return ""
    left = at - moment_of_request()
    if left < timedelta(0):
        return "late"
    return "soon" if left <= SOON else ""


def duration(span: timedelta | Number | None) -> str:
    """3 hours; a bare number counts seconds. Under a minute counts as one."""
    if span is None:
        return ""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    whole = timedelta(seconds=max(seconds, 60))
    return dates.format_timedelta(whole, granularity="minute", threshold=1, locale=_locale())


def iso(at: date | datetime | None) -> str:
    """What a machine reads: the value of <time datetime>."""
    return at.isoformat() if at else ""


def number(value: Number | None, digits: int = 0) -> str:
    """1 234 or 1 234.5, grouped as the language does; None is an en dash, for "there is none"."""
    if value is None:
        return "–"
    rounded = round(Decimal(str(value)), digits) + 0  # adding zero turns a rounded −0 into 0
    return _minus(numbers.format_decimal(rounded, _pattern(digits), locale=_locale()))


def signed(value: Number | None, digits: int = 0) -> str:
    """+34, −5, 0: for scores and differences."""
    if value is None:
        return "–"
    text = number(value, digits)
    return f"+{text}" if round(Decimal(str(value)), digits) > 0 else text


def percent(share: Number | None, digits: int = 0) -> str:
    """0.314 as 31 %, with the space the language puts before the sign."""
    if share is None:
        return "–"
    sign = "%" if language_now() == "en" else "\N{NO-BREAK SPACE}%"
    return _minus(numbers.format_percent(Decimal(str(share)), _pattern(digits) + sign, locale=_locale()))


def money(amount: Number | None, currency: str = "") -> str:
    """1 234.50 UAH in the manner of the language; without a currency only the number."""
    if amount is None:
        return ""
    if not currency:
        return number(amount, 2)
    return _in_currency(amount, currency, rounded=True)


def price(amount: Number, currency: str) -> str:
    """What one thing costs: as `money`, with all the decimals it has, as in 0.0085 USD."""
    return _in_currency(amount, currency, rounded=False)


def _in_currency(amount: Number, currency: str, *, rounded: bool) -> str:
    # In English the code stands behind the amount: "UAH12.50" reads badly, and most readers know no sign for it.
    pattern = "#,##0.00\N{NO-BREAK SPACE}¤¤" if language_now() == "en" else None
    exact = Decimal(str(amount))
    return numbers.format_currency(exact, currency, pattern, locale=_locale(), decimal_quantization=rounded)


def phone(e164: str | None) -> str:
    """+380 67 123 4567; what cannot be read as a number is shown as it is."""
    if not e164:
        return ""
    try:
        parsed = phonenumbers.parse(e164)
    except NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def filesize(size: int | None) -> str:
    """12 kB, 3.4 MB (powers of 1000)."""
    if size is None:
        return ""
    for factor, unit in ((1_000_000, gettext("MB")), (1_000, gettext("kB"))):
        if size >= factor:
            amount = size / factor
            return f"{number(amount, 0 if amount >= 10 else 1)}\N{NO-BREAK SPACE}{unit}"
    unit = gettext("bytes")
    return f"{number(size)}\N{NO-BREAK SPACE}{unit}"


def clip(text: str | None, length: int = 120) -> str:
    """The beginning of a text on one line, cut at a word, with an ellipsis when something is missing."""
    line = " ".join((text or "").split())
    if len(line) <= length:
        return line
    start = line[:length]
    words = start.rsplit(" ", 1)[0] if " " in start[length // 2 :] else start[:-1]
    return words.rstrip(" ,.;:—–-") + "…"


def spoken(texts: dict[str, str] | None) -> str:
    """Words that users typed per language, in the reader's."""
    return text_in(texts, language_now())


FILTERS: dict[str, Callable[..., str]] = {
    "moment": moment,
    "day": day, "short_day": short_day, "weekday": weekday, "month": month, "time": clock_time,
    "ago": ago, "due": due, "due_kind": due_kind, "duration": duration, "iso": iso, "number": number,
    "signed": signed, "percent": percent, "money": money, "price": price, "phone": phone, "filesize": filesize,
    "clip": clip, "spoken": spoken, "language_name": language_name,
}  # fmt: skip


def _locale() -> Any:
    return get_locale() or DEFAULT_LANGUAGE


def _local(at: date | datetime) -> date:
    """On the reader's clock; a plain date has no clock."""
    zone = get_timezone()
    return at.astimezone(zone) if isinstance(at, datetime) and zone else at


def _dated(at: date | datetime | None, pattern: str) -> str:
    if at is None:
        return ""
    local = _local(at)
    if isinstance(local, datetime):
        return dates.format_datetime(local.replace(tzinfo=None), pattern, locale=_locale())
    return dates.format_date(local, pattern, locale=_locale())


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")


def _minus(text: str) -> str:
    """A real minus sign, as wide as a figure."""
    return text.replace("-", "\N{MINUS SIGN}")
