"""Tallies are what the answers say, whenever they are counted."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.intake.models import InteractionPerformer
from npsapp.organization.models import Performer
from npsapp.reports import queries, services
from npsapp.reports.models import DailyTally, PerformerTally
from npsapp.reports.queries import Selection
from npsapp.reports.rules import Split
from npsapp.responses import services as responses
from npsapp.responses.models import Basis, DirtyDay, Response


def recount(limit: int = 100) -> int:
    with transaction():
        return services.recount_dirty_days(limit=limit)


def tallied() -> dict[str, int]:
    columns = ("n", "promoters", "passives", "detractors", "with_comment", *queries.SCORE_COLUMNS)
    sums = db.session.execute(select(*(func.sum(getattr(DailyTally, name)) for name in columns))).one()
    return dict(zip(columns, (value or 0 for value in sums), strict=True))


def test_a_recount_counts_scores_groups_and_comments(answer):
    for score, comment in ((0, "bad"), (6, ""), (7, ""), (9, "good"), (10, "")):
        answer(score, comment=comment)

    assert recount() == 1

    found = tallied()
    assert {name: found[name] for name in ("n", "promoters", "passives", "detractors", "with_comment")} == {
        "n": 5,
        "promoters": 2,
        "passives": 1,
        "detractors": 2,
        "with_comment": 2,
    }
    assert [found[name] for name in queries.SCORE_COLUMNS] == [1, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1]


def test_a_recount_takes_the_mark_away_and_repeating_it_changes_nothing(answer):
    answer(9)
    recount()
    first = tallied()

    assert recount() == 0
    assert db.session.scalar(select(func.count()).select_from(DirtyDay)) == 0
    with transaction():
        responses.mark_dirty(*db.session.execute(select(Response.survey_id, Response.local_date)).one())
    assert recount() == 1
    assert tallied() == first


def test_a_day_whose_last_answer_was_voided_has_no_tally(answer, now):
    response_id = answer(9)
    recount()
    with transaction():
        response = db.session.get(Response, response_id)
        response.voided_at, response.void_reason = now, "typed by staff"
        db.session.add(DirtyDay(survey_id=response.survey_id, local_date=response.local_date))

    recount()

    assert tallied()["n"] == 0


def test_the_limit_leaves_the_rest_marked(answer, now):
    for back in range(3):
        answer(8, day=now.date() - timedelta(days=back))

    assert recount(limit=2) == 2
    assert db.session.scalar(select(func.count()).select_from(DirtyDay)) == 1
    assert recount(limit=2) == 1
    assert tallied()["n"] == 3


def test_other_days_keep_their_tallies(answer, now):
    answer(10, day=now.date() - timedelta(days=1))
    recount()
    answer(0, day=now.date())

    recount()

    assert (tallied()["s10"], tallied()["s0"]) == (1, 1)


@pytest.mark.parametrize("over", [{"basis": Basis.PROVISIONAL}, {"test": True}])
def test_what_does_not_count_is_not_tallied(answer, over):
    answer(3, **over)

    recount()

    assert tallied()["n"] == 0


def test_an_answer_counts_once_for_each_performer(answer, company, now):
    response_id = answer(9)
    with transaction():
        people = [Performer(brand_id=company.brand.id, key=key, name=key, created_at=now) for key in ("ira", "oleh")]
        db.session.add_all(people)
        db.session.flush()
        interaction_id = db.session.get(Response, response_id).interaction_id
        for person, role in ((people[0], "seller"), (people[0], "cashier"), (people[1], "courier")):
            db.session.add(InteractionPerformer(interaction_id=interaction_id, performer_id=person.id, role=role))

    recount()

    rows = db.session.execute(select(PerformerTally.performer_id, PerformerTally.n, PerformerTally.promoters))
    assert sorted(tuple(row)[1:] for row in rows) == [(1, 1), (1, 1)]


def test_a_report_is_the_same_before_and_after_a_recount(answer, now):
    for back, score in enumerate((0, 5, 6, 7, 8, 9, 10, 10)):
        answer(score, day=now.date() - timedelta(days=20 * back), region="odesa" if back % 2 else "kyiv")
    selection = Selection()
    before = queries.counted(selection)

    recount(limit=3)
    half_way = queries.counted(selection)
    recount()

    assert before == half_way == queries.counted(selection)
    assert before.by_score == (1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2)


def test_an_answer_that_came_after_a_recount_is_counted_at_once(answer):
    answer(10)
    recount()
    answer(0)

    assert queries.counted(Selection()).by_score == (1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)


def test_the_newest_days_are_recounted_first(answer, now):
    for back in (5, 0, 9):
        answer(8, day=now.date() - timedelta(days=back))

    assert [day for _survey, day in queries.dirty_days(2)] == [now.date(), now.date() - timedelta(days=5)]


def test_days_far_apart_are_months_of_their_own(answer):
    answer(8, day=date(2025, 12, 31))
    answer(8, day=date(2026, 1, 1))
    recount()

    months = queries.counted(Selection()).parts[Split.MONTH]

    assert list(months) == [date(2025, 12, 1), date(2026, 1, 1)]
