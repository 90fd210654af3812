"""Eighteen months that could have been."""

from collections import Counter
from datetime import timedelta
from random import Random

from npsapp.demo import company, history
from npsapp.lib.clock import local_date
from tests.demo.conftest import DRAWN_AT, Story, draw_story


def _as_told(story: Story) -> list[tuple[object, ...]]:
    """Everything a history says, for comparing two of them."""
    told = [
        (one.happened_at, one.touchpoint, one.unit, one.title, one.customer and one.customer.name)
        for one in story.past.happenings
    ]
    answers = [
        (one.state, one.reason, one.sent_at, one.answer and (one.answer.score, one.answer.comment))
        for one in story.past.happenings
    ]
    cases = [(work.opened_at, work.state, work.cause, work.outcome_text) for work in story.desk.works]
    return [*told, *answers, *cases]


def test_the_same_seed_and_day_tell_the_same_story():
    first, second = (draw_story(now=DRAWN_AT, seed=3, interactions=800) for _ in range(2))

    assert _as_told(first) == _as_told(second)


def test_another_seed_tells_another_story():
    first, second = (draw_story(now=DRAWN_AT, seed=seed, interactions=800) for seed in (3, 4))

    assert _as_told(first) != _as_told(second)


def test_there_are_exactly_as_many_interactions_as_wanted(story: Story):
    assert len(story.past.happenings) == 20_000
    assert len(history.Past(Random(1), now=DRAWN_AT, interactions=137).happenings) == 137


def test_the_history_spans_eighteen_months_and_ends_now(story: Story):
    moments = [one.happened_at for one in story.past.happenings]

    assert max(moments) <= story.now
    assert timedelta(days=530) < max(moments) - min(moments) < timedelta(days=556)
    assert all(one.accepted_at <= story.now for one in story.past.happenings)


def test_spring_and_summer_are_busier_than_winter(story: Story):
    by_month = Counter(local_date(one.happened_at, company.ZONE).strftime("%Y-%m") for one in story.past.happenings)
    june, january = by_month["2026-06"], by_month["2026-01"]

    assert june > 2 * january


def test_interactions_of_the_same_customer_do_not_happen_before_the_first(story: Story):
    for one in story.past.happenings:
        if one.customer:
            assert one.happened_at >= one.customer.created_at


def test_every_touchpoint_region_and_segment_has_its_share(story: Story):
    count = len(story.past.happenings)
    by_touchpoint = Counter(one.touchpoint for one in story.past.happenings)
    by_region = Counter(one.region for one in story.past.happenings)
    by_segment = Counter(one.segment for one in story.past.happenings)

    assert set(by_touchpoint) == set(company.TOUCHPOINTS)
    assert min(by_touchpoint.values()) > 0.05 * count
    assert set(by_region) == set(company.REGIONS)
    assert min(by_region.values()) > 0.05 * count
    assert set(by_segment) == set(company.SEGMENTS)
    assert min(by_segment.values()) > 0.04 * count


def test_whoever_served_works_in_that_region(story: Story):
    for one in story.past.happenings:
        assert all(company.UNITS[who["unit"]]["region"] == one.region for who in one.performers)
        assert bool(one.performers) is (one.touchpoint != "warehouse")


def test_warehouse_letters_are_due_whenever_the_demo_is_loaded(story: Story):
    due = [
        one
        for one in story.past.happenings
        if one.touchpoint == "warehouse"
        and one.accepted_at >= story.now - history.UNDECIDED_FOR
        and one.customer
        and one.customer.email
    ]

    assert 5 <= len(due) <= 30
