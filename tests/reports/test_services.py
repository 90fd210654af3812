"""Tallies are what the answers say, whenever they are counted."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import func, select

from npsapp.db import db, transaction
from npsapp.intake.models import InteractionPerformer
from npsapp.organization.models import Performer
from npsapp.permissions import Scope
from npsapp.reports import queries, services
from npsapp.reports.models import DailyTally, PerformerTally
from npsapp.reports.queries import Selection
from npsapp.reports.rules import Period, Split
from npsapp.responses import queries as answers, services as responses
from npsapp.responses.human import Doubt
from npsapp.responses.models import Basis, DirtyDay, Response
from npsapp.responses.rules import Said
from npsapp.responses.services import UNSURE, Submission
from tests.factories import make_invitation


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


# ---- further questions -------------------------------------------------------------------------------------------

MORE = st.fixed_dictionaries(
    {},
    optional={
        "service": st.integers(1, 5),
        "what": st.lists(st.sampled_from(["late", "rude", "3"]), min_size=1, unique=True),
        "tip": st.sampled_from(["More light", "3"]),
    },
)
DEEDS = ("answer", "doubt", "change", "void", "restore", "promote", "dispute", "forget", "move", "recount")
ACTS = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 2), MORE), min_size=1, max_size=12)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_answers_to_further_questions_are_told_as_they_are_whatever_happened(company, now, acts):
    with transaction():
        asked = [make_invitation(company, now=now, sent_at=None).steps[0].token for _customer in range(3)]

    for at, (deed, who, more) in enumerate(acts):
        with transaction():
            _do(deed, asked[who], more, company, now + at * timedelta(hours=9))
        assert _told(company, now.date()) == _stored(company, now.date())

    recount()
    assert not db.session.scalars(select(DirtyDay)).all()
    assert _told(company, now.date()) == _stored(company, now.date())


def _told(company, day):
    """What reports say of everything, of a region, of a scope and of a day."""
    odesa = company.regions.odesa.id
    selections = (
        Selection(),
        Selection(ids={"region": odesa, "survey": company.survey.id}),
        Selection(scope=Scope(frozenset({company.regions.kyiv.id}))),
        Selection(period=Period(day, day)),
    )
    found = [queries.by_question(one) for one in selections]
    return [{key: (said.n, said.by_value) for key, said in one.items()} for one in found]


def _stored(company, day):
    """The same, counted one by one."""
    kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
    found = [{} for _selection in range(4)]
    for one in db.session.scalars(select(Response).execution_options(populate_existing=True)):
        if one.basis in UNSURE or one.voided_at:
            continue
        belongs = (True, one.region_id == odesa, one.region_id == kyiv, one.local_date == day)
        for counted in (said for said, here in zip(found, belongs, strict=True) if here):
            more = answers.more_of(one.id)
            for key, value in more.items():
                n, by_value = counted.get(key, (0, {}))
                chosen = value if isinstance(value, list) else ["" if key == "tip" else str(value)]
                counted[key] = n + 1, dict(Counter(by_value) + Counter(chosen))
    return found


def _do(deed, token, more, company, now):
    """One thing that happens to an answer, through the door that it comes by."""
    if deed == "recount":
        services.recount_dirty_days(limit=1)
        return
    link = answers.link(token)
    answer = answers.of_invitation(link.invitation_id)
    doubt = Doubt.FAST if deed == "doubt" else None
    if deed in ("answer", "doubt", "change") and (answer is None or deed == "change"):
        submission = Submission(Said(7, "", None, more), "uk", True, answer is not None, now, doubt)
        responses.answer(link, submission, now=now)
    elif answer is None:
        return
    elif deed == "void":
        responses.void(answer, reason="typed by staff", by_id=None, now=now)
    elif deed == "restore":
        responses.restore(answer, by_id=None, now=now)
    elif deed == "promote" and answer.basis in UNSURE:
        responses.count(answer, Basis.PROMOTED, zone="Europe/Kyiv", now=now)
    elif deed == "dispute":
        said = responses.answer(link, Submission(Said(3, "", None, more), "uk", True, False, now, None), now=now)
        responses.apply_disputed(link, str(said.other.id if said.other else 0), now=now)
    elif deed == "forget":
        responses.forget_people([answer.customer_id])
    elif deed == "move":
        kyiv, odesa = company.regions.kyiv.id, company.regions.odesa.id
        answer.interaction.region_id = odesa if answer.interaction.region_id == kyiv else kyiv
        db.session.flush()
        responses.follow_purchases([answer.interaction_id])
