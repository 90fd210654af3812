"""List pages: the address is the state."""

from datetime import date
from enum import StrEnum

import pytest
from flask import Flask, render_template_string

from npsapp.web import listing


class Colour(StrEnum):
    """Anything to choose from."""

    RED = "red"
    BLUE = "blue"


@pytest.fixture
def at(app: Flask):
    """Open a page of the application at an address."""
    return app.test_request_context


def test_one_row_more_than_shown_means_that_there_is_a_next_page(at):
    with at("/login?page=3"):
        window = listing.window(size=10)
        assert (window.offset, window.limit) == (20, 11)

        full = listing.page(list(range(11)), window)
        last = listing.page(list(range(10)), window)

    assert list(full.items) == list(range(10))
    assert full.has_next
    assert not last.has_next


@pytest.mark.parametrize("given", ["0", "-1", "x", "", "1e3", "٣", "99999999999999999999"])
def test_a_wrong_page_number_is_the_first_page(at, given):
    with at(f"/login?page={given}"):
        assert listing.window().number == 1


def test_very_far_pages_are_not_read(at):
    with at("/login?page=1000000"):
        assert listing.window().number == listing.LAST_PAGE
        assert not listing.page(list(range(51)), listing.window()).has_next


def test_the_next_page_keeps_the_filters_and_the_order(at):
    with at("/login?region=2&sort=-due&q=a%26b"):
        page = listing.page(list(range(51)), listing.window(size=50))

        assert page.next_url() == "/login?region=2&sort=-due&q=a%26b&page=2"


def test_a_changed_filter_starts_at_the_first_page(at):
    with at("/login?region=2&page=7&tag=a&tag=b"):
        assert listing.url_with(region=3) == "/login?region=3&tag=a&tag=b"
        assert listing.url_with(region=None) == "/login?tag=a&tag=b"


def test_going_back_to_the_first_page_leaves_a_clean_address(at):
    with at("/login?page=2"):
        assert listing.page([1], listing.window()).previous_url() == "/login"
    with at("/login?page=3"):
        assert listing.page([1], listing.window()).previous_url() == "/login?page=2"


def test_pages_by_key_carry_the_key_of_their_last_row(at):
    rows = [("2026-11-20T10:00:00+00:00", 9), ("2026-11-19T10:00:00+00:00", 8), ("2026-11-18T10:00:00+00:00", 7)]

    with at("/login?group=red"):
        first = listing.page_by_key(rows, size=2, key=lambda row: row)
        address = first.next_url()
    with at(address):
        assert listing.after() == ("2026-11-19T10:00:00+00:00", "8")
        second = listing.page_by_key(rows[2:], size=2, key=lambda row: row)
        assert second.number == 2
        assert not second.has_next
        assert second.previous_url() == "/login?group=red"


def test_the_heading_pressed_again_turns_the_order_round(at):
    with at("/login?sort=due"):
        order = listing.sorting({"due", "score"}, default="-score")
        assert (order.key, order.down) == ("due", False)
        assert order.turned("due") == "-due"
        assert order.turned("score") == "score"
    with at("/login?sort=password"):
        assert listing.sorting({"due", "score"}, default="-score") == listing.Sorting("score", down=True)


def test_arguments_that_make_no_sense_count_as_not_given(at):
    with at("/login?colour=green&region=x&from=2026-02-30&q=%00++a++b&late=maybe"):
        assert listing.one_of("colour", Colour) is None
        assert listing.whole("region") is None
        assert listing.day("from") is None
        assert listing.word("q") == "a b"
        assert not listing.tick("late")
    with at("/login?from=0001-01-01&to=9999-12-31"):
        assert (listing.day("from"), listing.day("to")) == (None, None)


def test_arguments_are_read_as_what_they_are(at):
    with at("/login?colour=red&region=12&from=2026-02-28&late=1&view=month"):
        assert listing.one_of("colour", Colour) is Colour.RED
        assert listing.whole("region") == 12
        assert listing.day("from") == date(2026, 2, 28)
        assert listing.tick("late")
        assert listing.picked("view", {"month", "week"}) == "month"
        assert listing.picked("view", {"day"}, "day") == "day"


def test_every_filter_in_use_can_be_taken_out_alone(at):
    with at("/login?region=2&group=red&page=4"):
        chips = listing.active_filters([("region", "Kyiv"), ("group", "detractors"), ("q", "")])

    assert chips == [("Kyiv", "/login?group=red"), ("detractors", "/login?region=2")]


@pytest.mark.parametrize(("total", "words"), [(1, "1 entry"), (2, "2 entries"), (1234, "1,234 entries")])
def test_the_pager_counts_when_the_list_knows_how_many(at, total, words):
    with at("/login?page=2"):
        page = listing.page(list(range(51)), listing.window(), total=total)
        html = render_template_string('{% from "macros/pager.html" import pager %}{{ pager(page) }}', page=page)

    assert words in html
    assert 'href="/login?page=3"' in html
    assert 'href="/login"' in html
