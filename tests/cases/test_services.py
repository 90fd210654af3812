"""Answers become cases, changed answers are followed, clocks leave outages out, owners are told."""

from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from npsapp.accounts.models import Duty
from npsapp.audit.models import AuditEntry
from npsapp.cases import handling, queries, services
from npsapp.cases.models import Case, CaseNote, Cause, StaffLetter
from npsapp.cases.rules import Outcome, State
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.organization.models import Holiday
from npsapp.permissions import EVERYTHING
from npsapp.pulse import services as pulse
from npsapp.responses.models import Basis, Response
from tests.cases.stories import answered, case_of, cause_id, changed, look, opened
from tests.factories import make_customer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# `now` of the tests is a Friday, 12:00 in Kyiv; people work from 9 to 18.


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


# ---- answers become cases


def test_a_critics_answer_opens_a_case_for_the_manager_of_the_region(company, now):
    case = opened(company, now=now, region=company.regions.odesa, score=5)

    assert case.owner_id == company.manager_odesa.id
    assert case.region_id == company.regions.odesa.id
    assert (case.state, case.score, case.hot) == (State.NEW, 5, False)
    assert case.clock_from == now
    assert case.due_at == case.acknowledge_by == now + 2 * HOUR
    assert case.contact_by == now + 4 * DAY


def test_a_region_without_a_manager_goes_to_the_fallback_owner(company, now):
    with transaction() as session:
        session.execute(Duty.__table__.delete().where(Duty.region_id == company.regions.odesa.id))

    case = opened(company, now=now, region=company.regions.odesa)

    assert case.owner_id == company.admin.id


@pytest.mark.parametrize("score", [7, 8, 9, 10])
def test_passives_and_promoters_open_none(company, now, score):
    answered(company, now=now, score=score)

    assert look(now) == 0
    assert count(Case) == 0


@pytest.mark.parametrize(
    "over", [{"finished_at": None}, {"test": True}, {"basis": Basis.PROVISIONAL}], ids=lambda over: next(iter(over))
)
def test_answers_that_do_not_count_open_none(company, now, over):
    answered(company, now=now, score=2, **over)

    assert look(now) == 0


@pytest.mark.parametrize(("is_key", "hot"), [(False, False), (True, True)])
def test_whoever_asks_for_contact_gets_a_case_whatever_the_score(company, now, is_key, hot):
    case = opened(company, now=now, score=10, contact_wanted=True, person={"is_key": is_key})

    assert (case.state, case.score, case.hot) == (State.NEW, 10, hot)
    assert case.acknowledge_by == now + 2 * HOUR


def test_a_wish_for_contact_added_later_opens_a_case_and_taken_back_closes_it(company, now):
    response_id = answered(company, now=now, score=8)
    assert look(now) == 0
    changed(response_id, now=now + HOUR, contact_wanted=True)
    look(now + HOUR)
    assert case_of(response_id).acknowledge_by == now + 3 * HOUR

    changed(response_id, now=now + 2 * HOUR, contact_wanted=False)
    look(now + 2 * HOUR)

    assert case_of(response_id).outcome is Outcome.SCORE_CHANGED


def test_an_answer_lowered_late_in_the_life_of_its_link_opens_a_case(company, now):
    response_id = answered(company, now=now - 29 * DAY, score=9)
    answered(company, now=now, score=10)
    changed(response_id, now=now, score=4)

    assert look(now) == 1
    assert case_of(response_id).score == 4


def test_old_answers_are_searched_only_in_open_cases(company, now):
    old = opened(company, now=now - 300 * DAY)
    answered(company, now=now - 300 * DAY, score=2)
    answered(company, now=now, score=10)
    changed(old.answers[0].id, now=now, score=1)

    assert queries.responses_to_look_at(10) == [old.answers[0].id]


@pytest.mark.sqlite_only
def test_looking_for_answers_reads_no_table_from_end_to_end(company, now):
    opened(company, now=now)
    seen = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    queries.responses_to_look_at(500)
    event.remove(db.engine, "before_cursor_execute", note)

    connection = db.session.connection()
    plan = [
        row.detail
        for statement, parameters in seen
        if "case_response" in statement
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
    assert any("ix_response_unfinished (finished_at>?" in line for line in plan), plan
    assert not any(line.startswith(("SCAN response", "SCAN case")) for line in plan), plan


def test_looking_twice_opens_one_case(company, now):
    response_id = answered(company, now=now)
    look(now)

    assert look(now) == 0
    with transaction():
        services.look_at(response_id, now=now)
    assert count(Case) == 1


def test_the_clock_runs_from_the_confirmation_not_from_the_look(company, now):
    response_id = answered(company, now=now)
    look(now + HOUR)

    assert case_of(response_id).acknowledge_by == now + 2 * HOUR


def test_the_lowest_scores_and_key_customers_are_due_on_the_same_day(company, now):
    angry = opened(company, now=now, score=3)
    key = opened(company, now=now, score=6, person={"is_key": True})

    assert angry.hot
    assert key.hot
    assert angry.contact_by == key.contact_by == now + 6 * HOUR


def test_a_holiday_of_the_region_moves_the_deadline(company, now):
    with transaction() as session:
        session.add(Holiday(region_id=company.regions.kyiv.id, day=(now + 3 * DAY).date(), name={}))

    kyiv = opened(company, now=now)
    odesa = opened(company, now=now, region=company.regions.odesa)

    assert kyiv.attempt_by == odesa.attempt_by + DAY


def test_a_second_answer_joins_the_open_case_and_moves_its_clock_up(company, now):
    with transaction():
        customer = make_customer(company, now=now)
    case = opened(company, now=now, customer=customer, score=6)
    before = case.contact_by

    second = answered(company, now=now + HOUR, customer=customer, score=1)
    look(now + HOUR)

    case = case_of(second)
    assert count(Case) == 1
    assert (case.score, case.hot) == (1, True)
    assert case.contact_by == now + 6 * HOUR < before
    assert case.acknowledge_by == now + 2 * HOUR
    assert [note.text for note in db.session.scalars(select(CaseNote))] == ["joined:1"]


def test_after_the_end_a_new_answer_opens_a_new_case(company, now):
    with transaction():
        customer = make_customer(company, now=now)
    case = opened(company, now=now, customer=customer)
    cause = cause_id()
    with transaction():
        handling.settle(case.id, outcome=Outcome.SAVED, cause_id=cause, by_id=company.admin.id, now=now)

    second = opened(company, now=now + DAY, customer=customer)

    assert second.id != case.id
    assert count(Case) == 2


def test_opening_and_assigning_stand_in_the_audit_log(company, now):
    case = opened(company, now=now)

    rows = db.session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "case")).all()
    assert [(row.event, row.subject_id, row.actor_type) for row in rows] == [
        ("case.opened", case.id, "program"),
        ("case.assigned", case.id, "program"),
    ]


# ---- changed answers


def test_an_answer_lowered_into_the_group_opens_a_case_whose_clock_begins_then(company, now):
    response_id = answered(company, now=now, score=9)
    look(now)
    changed(response_id, now=now + HOUR, score=5)

    look(now + HOUR)

    assert case_of(response_id).acknowledge_by == now + 3 * HOUR


def test_a_raised_answer_closes_an_untouched_case(company, now):
    case = opened(company, now=now)
    response_id = case.answers[0].id
    changed(response_id, now=now + HOUR, score=9)

    look(now + HOUR)

    case = case_of(response_id)
    assert (case.state, case.outcome, case.settled_by_id) == (State.CLOSED, Outcome.SCORE_CHANGED, None)
    assert look(now + HOUR) == 0
    assert queries.owners_to_tell(now + HOUR) == []


def test_a_raised_answer_leaves_a_note_on_a_case_that_was_taken_on(company, now):
    case = opened(company, now=now)
    with transaction():
        handling.acknowledge(case.id, by_id=company.manager_kyiv.id, now=now)
    response_id = case.answers[0].id
    changed(response_id, now=now + HOUR, score=9)

    look(now + HOUR)

    case = case_of(response_id)
    assert case.state is State.ACKNOWLEDGED
    assert [note.text for note in db.session.scalars(select(CaseNote))] == ["score_changed:5:9"]


def test_a_case_closed_by_a_raised_answer_is_opened_again_when_it_is_lowered_again(company, now):
    case = opened(company, now=now)
    response_id = case.answers[0].id
    changed(response_id, now=now + HOUR, score=9)
    look(now + HOUR)
    changed(response_id, now=now + 2 * HOUR, score=4)

    look(now + 2 * HOUR)

    case = case_of(response_id)
    assert (case.state, case.outcome) == (State.REOPENED, None)
    assert case.attempt_by == now + 2 * HOUR + 3 * DAY
    assert count(Case) == 1


def test_words_added_later_reach_the_owner(company, now):
    case = opened(company, now=now, comment="")
    tell(company.manager_kyiv.id, now)
    changed(case.answers[0].id, now=now + 2 * HOUR, comment="Чекали три тижні.")

    look(now + 2 * HOUR)

    assert queries.owners_to_tell(now + 2 * HOUR) == [company.manager_kyiv.id]
    tell(company.manager_kyiv.id, now + 2 * HOUR)
    assert "Чекали три тижні." in letters()[-1].body


def test_a_worse_score_makes_the_case_hot_from_that_moment(company, now):
    case = opened(company, now=now, score=6)
    response_id = case.answers[0].id
    changed(response_id, now=now + HOUR, score=0)

    look(now + HOUR)

    case = case_of(response_id)
    assert (case.score, case.hot) == (0, True)
    assert case.contact_by == now + 6 * HOUR


def test_an_answer_taken_out_of_the_count_closes_an_untouched_case_once(company, now):
    case = opened(company, now=now)
    with transaction() as session:
        response = session.get_one(Response, case.answers[0].id)
        response.voided_at, response.void_reason = now, "a test by a colleague"

    assert look(now) == 1
    assert look(now) == 0
    assert case_of(response.id).state is State.CLOSED


# ---- clocks and outages


def test_time_in_which_the_program_did_not_run_does_not_count(company, now):
    case = opened(company, now=now)
    with transaction():
        pulse.beat(now + HOUR)
    with transaction():
        assert pulse.beat(now + 3 * HOUR)
        services.recount_clocks(now=now + 3 * HOUR)

    db.session.expire_all()
    assert case.due_at == case.acknowledge_by == now + 4 * HOUR


def test_an_outage_in_the_night_moves_nothing(company, now):
    case = opened(company, now=now)
    before = case.acknowledge_by, case.settle_by
    with transaction():
        pulse.beat(now + 10 * HOUR)
    with transaction():
        assert pulse.beat(now + 12 * HOUR)
        services.recount_clocks(now=now + 12 * HOUR)

    db.session.expire_all()
    assert (case.acknowledge_by, case.settle_by) == before


# ---- letters


def tell(user_id, now) -> bool:
    with transaction():
        return services.tell_owner(user_id, public_url="https://nps.example", now=now)


def letters() -> list[Message]:
    return list(db.session.scalars(select(Message).order_by(Message.id)))


def test_the_first_case_is_told_at_once_the_next_ones_an_hour_later_together(company, now):
    owner = company.manager_kyiv.id
    opened(company, now=now)
    assert queries.owners_to_tell(now) == [owner]
    assert tell(owner, now)

    opened(company, now=now + 5 * MINUTE)
    opened(company, now=now + 9 * MINUTE)
    assert queries.owners_to_tell(now + 10 * MINUTE) == []
    assert not tell(owner, now + 10 * MINUTE)

    assert queries.owners_to_tell(now + HOUR) == [owner]
    assert tell(owner, now + HOUR)
    assert [letter.subject for letter in letters()][1] == "2 new cases for you"
    assert not tell(owner, now + 5 * HOUR)
    assert count(Message) == 2


def test_a_hot_case_is_told_at_once_and_takes_the_waiting_ones_along(company, now):
    owner = company.manager_kyiv.id
    opened(company, now=now)
    tell(owner, now)
    waiting = opened(company, now=now + MINUTE, score=6)
    hot = opened(company, now=now + 2 * MINUTE, score=0)

    assert queries.owners_to_tell(now + 2 * MINUTE) == [owner]
    assert tell(owner, now + 2 * MINUTE)

    body = letters()[-1].body
    assert f"/cases/{waiting.id}" in body
    assert f"/cases/{hot.id}" in body
    assert [row.kind for row in db.session.scalars(select(StaffLetter).order_by(StaffLetter.id))] == ["bundle", "hot"]


def test_the_letter_says_whom_to_call_about_what_and_until_when(company, now):
    case = opened(company, now=now, score=3, person={"name": "Оксана Мельник"})
    tell(company.manager_kyiv.id, now)

    letter = letters()[0]
    line = queries.story(case.customer_id, EVERYTHING)[0]
    assert letter.to_address == company.manager_kyiv.email
    assert (letter.to_user_id, letter.purpose, letter.language) == (company.manager_kyiv.id, "staff", "en")
    for part in (letter.body, letter.html):
        assert "Оксана Мельник" in part
        assert line.addresses("phone")[0][-4:] in part
        assert line.addresses("email")[0] in part
        assert "лоток водовідвідний" in part
        assert "Решітка приїхала зламана." in part
        assert f"https://nps.example/cases/{case.id}" in part
        assert "14:00" in part
        assert "score 3" in part


def test_words_of_customers_cannot_break_the_letter(company, now):
    opened(company, now=now, comment="<script>alert(1)</script>", person={"name": "A\r\nBcc: x@example.com"})
    tell(company.manager_kyiv.id, now)

    assert "<script>" not in letters()[0].html
    assert "<script>alert(1)</script>" in letters()[0].body
    assert "\n" not in letters()[0].subject


def test_blocked_owners_get_no_letters(company, now):
    opened(company, now=now)
    with transaction() as session:
        session.merge(company.manager_kyiv).blocked_at = now

    assert queries.owners_to_tell(now) == []
    assert not tell(company.manager_kyiv.id, now)


def morning(user_id, at) -> bool:
    with transaction():
        return services.morning_list(user_id, public_url="https://nps.example", now=at)


def test_the_morning_list_comes_once_on_a_working_morning(company, now):
    owner = company.manager_kyiv.id
    late = opened(company, now=now - 7 * DAY, score=6)
    fresh = opened(company, now=now - 4 * HOUR, score=6)
    half_past_eight = now - 3 * HOUR - 30 * MINUTE

    assert queries.morning_due(half_past_eight - MINUTE) == []
    assert queries.morning_due(half_past_eight) == [owner]
    assert morning(owner, half_past_eight)
    assert not morning(owner, half_past_eight + MINUTE)
    assert queries.morning_due(half_past_eight + MINUTE) == []
    assert queries.morning_due(half_past_eight + DAY) == []
    assert queries.morning_due(half_past_eight + 3 * DAY) == [owner]

    letter = letters()[0]
    assert letter.subject == "Your cases today: 2, overdue: 1"
    assert letter.body.index(f"/cases/{late.id}") < letter.body.index(f"/cases/{fresh.id}")
    assert queries.owners_to_tell(half_past_eight + 2 * HOUR) == []


# ---- causes


def test_the_proposed_causes_are_written_once_in_three_languages_on_two_levels(app):
    with transaction():
        first = services.default_causes()
    with transaction():
        second = services.default_causes()

    rows = db.session.scalars(select(Cause)).all()
    groups = [row for row in rows if row.parent_id is None]
    assert first == second == {row.key: row.id for row in rows}
    assert all(set(row.name) == {"en", "ru", "uk"} for row in rows)
    assert len(groups) <= 8
    assert all(sum(row.parent_id == group.id for row in rows) in range(1, 9) for group in groups)


def test_the_first_case_of_a_company_brings_the_causes_and_later_ones_leave_them_alone(company, now):
    assert count(Cause) == 0
    opened(company, now=now)
    with transaction() as session:
        session.execute(update(Cause).where(Cause.key != "other.unknown").values(retired_at=now))

    opened(company, now=now)

    assert [cause.key for cause in queries.causes()] == ["other.unknown"]
