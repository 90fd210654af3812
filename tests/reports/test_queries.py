"""What a report counts: days, scopes, filters, invitations."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text

from npsapp.db import db, transaction
from npsapp.invitations import letters
from npsapp.invitations.models import Invitation
from npsapp.permissions import Scope
from npsapp.reports import queries, services
from npsapp.reports.models import DailyTally, InvitedTally, QuestionTally
from npsapp.reports.queries import Selection
from npsapp.reports.rules import Period, Split
from npsapp.responses import services as responses
from npsapp.responses.models import Basis, Response
from npsapp.surveys import days
from npsapp.surveys.models import Tallied
from tests.factories import make_invitation

DAY = date(2026, 11, 10)


@pytest.fixture(params=["tallied", "fresh"])
def settle(request):
    """Ask every question twice: of tallies, and of answers and invitations that are not tallied yet."""

    def count() -> None:
        with transaction():
            sent = select(Invitation.survey_id, Invitation.sent_on).where(Invitation.sent_on.is_not(None))
            days.mark(Tallied.INVITATIONS, {tuple(row) for row in db.session.execute(sent)})
        if request.param == "tallied":
            with transaction():
                while services.recount_dirty_days():
                    pass

    return count


def total(**selection) -> int:
    return sum(queries.counted(Selection(**selection)).by_score)


def test_both_ends_of_a_period_belong_to_it(answer, settle):
    for back in range(4):
        answer(9, day=DAY + timedelta(days=back))
    settle()

    assert total(period=Period(DAY + timedelta(days=1), DAY + timedelta(days=2))) == 2
    assert total(period=Period(None, DAY)) == 1
    assert total(period=Period(DAY, None)) == 4


def test_a_scope_sees_its_regions_and_nothing_without_region(answer, settle, company):
    answer(9, region="kyiv")
    answer(8, region="odesa")
    answer(7, region=None)
    settle()

    assert total(scope=Scope(frozenset({company.regions.kyiv.id}))) == 1
    assert total(scope=Scope(frozenset())) == 0
    assert total() == 3


@pytest.mark.parametrize("name", ["brand", "touchpoint", "survey", "segment"])
def test_each_filter_narrows(answer, settle, company, name):
    answer(9)
    settle()
    own = getattr(company, name).id

    assert total(ids={name: own}) == 1
    assert total(ids={name: own + 1}) == 0


@pytest.mark.parametrize(
    ("over", "counted"),
    [({}, 1), ({"basis": Basis.PROMOTED}, 1), ({"basis": Basis.PROVISIONAL}, 0), ({"test": True}, 0)],
)
def test_only_confirmed_and_promoted_answers_count(answer, settle, over, counted):
    answer(9, **over)
    settle()

    assert total() == counted


def test_parts_without_region_or_segment_stand_under_none(answer, settle, company):
    answer(9, region=None, segment=False)
    answer(2, region="odesa")
    settle()

    parts = queries.counted(Selection()).parts

    assert _counts(parts[Split.REGION]) == {queries.NONE: 1, company.regions.odesa.id: 1}
    assert _counts(parts[Split.SEGMENT]) == {queries.NONE: 1, company.segment.id: 1}
    assert total(ids={"region": queries.NONE}) == 1


def _counts(part) -> dict[int, int]:
    return {id_: sum(by_score) for id_, by_score in part.items()}


def test_nothing_answered_is_nothing_divided(company, now):
    found = queries.counted(Selection())

    assert found.by_score == queries.NO_ANSWERS
    assert [len(part) for part in found.parts.values()] == [0, 0, 0]
    assert queries.invited(Selection(), now).rate is None


def test_the_response_rate_is_of_invitations_sent_on_the_days(answer, settle, company, now):
    answer(9)
    with transaction():
        make_invitation(company, now=now)
        make_invitation(company, now=now, test=True)
        make_invitation(company, now=now, sent_at=now - timedelta(days=40), valid_until=now - timedelta(days=10))
    settle()

    today = queries.invited(Selection(period=Period(now.date(), now.date())), now)
    ever = queries.invited(Selection(), now)

    assert (today.sent, today.answered, today.rate) == (2, 1, 0.5)
    assert (ever.sent, ever.answered) == (3, 1)


def test_the_rate_is_coming_in_while_a_link_takes_answers(answer, settle, company, now):
    answer(9)
    with transaction():
        make_invitation(company, now=now, valid_until=now + timedelta(minutes=1))
    settle()

    assert queries.invited(Selection(), now).still_open
    assert not queries.invited(Selection(), now + timedelta(minutes=1)).still_open


def test_an_answer_that_does_not_count_is_no_answer_of_the_rate(answer, settle, now):
    answer(9, basis=Basis.PROVISIONAL)
    settle()

    assert queries.invited(Selection(), now).answered == 0


def test_a_letter_belongs_to_the_day_of_the_brand(company, settle, now):
    """23:30 UTC on 9 November is already the 10th in Kyiv."""
    late = now.replace(day=9, hour=23, minute=30)
    with transaction():
        letters.left((make_invitation(company, now=now, sent_at=None), late))
    settle()

    assert queries.invited(Selection(period=Period(DAY, DAY)), now).sent == 1
    assert queries.invited(Selection(period=Period(None, DAY - timedelta(days=1))), now).sent == 0


def test_the_rate_follows_scope_and_segment(answer, settle, company, now):
    answer(9, region="kyiv")
    answer(9, region="odesa", segment=False)
    settle()

    kyiv = Scope(frozenset({company.regions.kyiv.id}))
    assert queries.invited(Selection(scope=kyiv), now).sent == 1
    assert queries.invited(Selection(ids={"segment": company.segment.id}), now).sent == 1


def test_a_voided_answer_leaves_the_report_at_once(answer, now):
    response_id = answer(9)
    with transaction():
        services.recount_dirty_days()
        response = db.session.get(Response, response_id)
        responses.void(response, reason="test", by_id=None, now=now)

    assert total() == 0


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "narrowed", [{}, {"ids": {"brand": 1}}, {"scope": Scope(frozenset({1}))}, {"ids": {"segment": 1}}]
)
@pytest.mark.parametrize(
    ("tally", "found"),
    [
        (DailyTally, "response USING INDEX ix_response_day"),
        (QuestionTally, "response USING INDEX ix_response_day"),
        (InvitedTally, "invitation USING INDEX ix_invitation_sent (survey_id=? AND sent_on=?)"),
    ],
)
def test_reports_never_walk_through_all_answers(company, narrowed, tally, found):
    """The cost of a report does not grow with answers and invitations: only those of marked days are read."""
    narrowed = {**narrowed, "ids": {**narrowed.get("ids", {}), "survey": 1}} if tally is QuestionTally else narrowed
    statement = select(func.count()).select_from(queries._counted(Selection(**narrowed), tally))
    compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})

    plan = [row.detail for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]

    assert any(step.startswith(f"SEARCH {found}") for step in plan), plan
    assert not any(step.startswith(("SCAN response", "SCAN answer_value", "SCAN invitation")) for step in plan), plan
