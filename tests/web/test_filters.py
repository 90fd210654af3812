"""Dates, clocks, numbers and money as people read them in three languages."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from flask import Flask, g, render_template_string
from flask_babel import force_locale, ngettext, refresh

from npsapp.web import filters

AT = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)
SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def page(app: Flask):
    """A request whose "now" is known; times are shown in UTC, as nobody is signed in."""
    with app.test_request_context("/"):
        g.now = AT
        yield app


@pytest.mark.parametrize(
    ("language", "moment", "day", "weekday", "month"),
    [
        ("en", "3 Nov 2026, 22:30", "3 November 2026", "Tuesday, 3 November", "November 2026"),
        ("ru", "3 нояб. 2026, 22:30", "3 ноября 2026", "вторник, 3 ноября", "ноябрь 2026"),
        ("uk", "3 лист. 2026, 22:30", "3 листопада 2026", "вівторок, 3 листопада", "листопад 2026"),
    ],
)
def test_dates_are_written_as_the_language_writes_them(page, language, moment, day, weekday, month):
    with force_locale(language):
        assert filters.moment(AT) == moment
        assert filters.day(AT) == day
        assert filters.weekday(AT) == weekday
        assert filters.month(AT) == month


def test_moments_are_shown_in_the_zone_of_the_reader_but_plain_dates_are_left_alone(page):
    page.config["BABEL_DEFAULT_TIMEZONE"] = "UTC"
    page.extensions["babel"].timezone_selector = lambda: "Europe/Kyiv"
    refresh()
    try:
        assert filters.moment(AT) == "4 Nov 2026, 00:30"
        assert filters.clock_time(AT) == "00:30"
        assert filters.day(AT) == "4 November 2026"
        assert filters.day(date(2026, 11, 3)) == "3 November 2026"
        assert filters.clock_time(time(9, 5)) == "09:05"
    finally:
        refresh()


def test_a_day_of_another_year_names_the_year(page):
    assert filters.short_day(date(2026, 3, 8)) == "8 Mar"
    assert filters.short_day(date(2025, 3, 8)) == "8 Mar 2025"


@pytest.mark.parametrize(
    ("hours", "en", "ru", "uk"),
    [
        (1, "1 hour", "1 час", "1 година"),
        (2, "2 hours", "2 часа", "2 години"),
        (5, "5 hours", "5 часов", "5 годин"),
        (21, "21 hours", "21 час", "21 година"),
    ],
)
def test_the_clock_of_an_overdue_case_counts_in_the_right_plural(page, hours, en, ru, uk):
    for language, words in (("en", en), ("ru", ru), ("uk", uk)):
        with force_locale(language):
            text = filters.due(AT - timedelta(hours=hours))
            assert text.endswith(words)
            assert text != words, "the word for overdue is missing"
    assert filters.due_kind(AT - timedelta(hours=hours)) == "late"


@pytest.mark.parametrize(
    ("left", "kind", "text"),
    [
        (timedelta(minutes=30), "soon", "in 30 minutes"),
        (timedelta(hours=2), "soon", "in 2 hours"),
        (timedelta(days=1), "", "in 1 day"),
    ],
)
def test_a_deadline_ahead_says_how_long_is_left(page, left, kind, text):
    assert filters.due(AT + left) == text
    assert filters.due_kind(AT + left) == kind


def test_a_deadline_missed_by_seconds_counts_as_a_minute(page):
    assert filters.due(AT - timedelta(seconds=5)) == "Overdue: 1 minute"


@pytest.mark.parametrize(
    ("language", "number", "percent", "signed", "money"),
    [
        ("en", "1,234.5", "31%", "−5", f"1,234.50{SPACE}UAH"),
        ("ru", f"1{SPACE}234,5", f"31{SPACE}%", "−5", f"1{SPACE}234,50{SPACE}₴"),
        ("uk", f"1{SPACE}234,5", f"31{SPACE}%", "−5", f"1{SPACE}234,50{SPACE}₴"),
    ],
)
def test_numbers_are_grouped_as_the_language_does(page, language, number, percent, signed, money):
    with force_locale(language):
        assert filters.number(1234.5, 1) == number
        assert filters.percent(0.314) == percent
        assert filters.signed(-5.2) == signed
        assert filters.money(Decimal("1234.5"), "UAH") == money


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("1.6000", f"1,60{SPACE}₴"),
        ("0.0085", f"0,0085{SPACE}₴"),
        ("0", f"0,00{SPACE}₴"),
        ("1234.5", f"1{SPACE}234,50{SPACE}₴"),
    ],
)
def test_a_price_loses_no_decimals(page, amount, written):
    with force_locale("uk"):
        assert filters.price(Decimal(amount), "UAH") == written
    with force_locale("en"):
        assert filters.price(Decimal("0.0085"), "USD") == f"0.0085{SPACE}USD"


@pytest.mark.parametrize(("language", "written"), [("en", "11,001"), ("ru", f"11{SPACE}001"), ("uk", f"11{SPACE}001")])
def test_the_number_of_a_plural_is_grouped_too(page, language, written):
    template = "{{ ngettext('%(num)s letter could not be sent.', '%(num)s letters could not be sent.', 11001) }}"
    with force_locale(language):
        said = ngettext("%(num)s letter could not be sent.", "%(num)s letters could not be sent.", 11001)
        assert said.startswith(f"{written} ")
        assert render_template_string(template) == said


def test_a_score_that_rounds_to_zero_has_no_sign(page):
    assert filters.signed(0.3) == "0"
    assert filters.signed(-0.3) == "0"
    assert filters.signed(34.2) == "+34"


def test_what_does_not_exist_is_a_dash_and_never_zero(page):
    assert filters.number(None) == "–"
    assert filters.percent(None) == "–"
    assert filters.signed(None) == "–"
    assert filters.money(None, "UAH") == ""
    assert filters.moment(None) == ""


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("+380671234567", "+380 67 123 4567"), ("+74951234567", "+7 495 123-45-67"), ("ext. 12", "ext. 12"), (None, "")],
)
def test_phone_numbers_are_shown_in_groups(stored, shown):
    assert filters.phone(stored) == shown


def test_file_sizes_use_the_unit_that_keeps_them_short(page):
    assert filters.filesize(512) == f"512{SPACE}bytes"
    assert filters.filesize(3_400_000) == f"3.4{SPACE}MB"
    assert filters.filesize(52_000) == f"52{SPACE}kB"


def test_a_long_comment_is_cut_at_a_word():
    assert filters.clip("Привезли на два дня позже", 16) == "Привезли на два…"
    assert filters.clip("short", 16) == "short"
    assert filters.clip("two\n  lines", 16) == "two lines"
    assert len(filters.clip("x" * 500, 100)) == 100


def test_words_typed_per_language_are_shown_in_the_readers_language(page):
    with force_locale("uk"):
        assert filters.spoken({"ru": "Киев", "uk": "Київ"}) == "Київ"
    with force_locale("ru"):
        assert filters.spoken({"uk": "Київ"}) == "Київ"


def test_a_badge_names_the_group_besides_colouring_it(page):
    html = render_template_string(
        '{% from "macros/badge.html" import score, clock %}{{ score(3, "detractor") }}{{ clock(at) }}',
        at=AT - timedelta(hours=3),
    )
    assert 'class="badge detractor"' in html
    assert "<b>3</b> detractor" in html
    assert 'class="clock late"' in html
    assert "Overdue: 3 hours" in html
