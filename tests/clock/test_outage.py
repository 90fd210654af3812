"""A worker that stood still for two days, and answers at the edge of a month."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from npsapp import schedule
from npsapp.cases import services as cases
from npsapp.cases.models import StaffLetter
from npsapp.cases.rules import LetterKind
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.delivery.rules import Purpose, State
from npsapp.invitations.models import Invitation
from npsapp.invitations.rules import InvitationState, Reason
from npsapp.lib import clock
from npsapp.pulse.models import Outage
from npsapp.reports import queries as reports
from npsapp.reports.queries import Selection
from npsapp.reports.rules import Period, period_of
from npsapp.responses import queries, rules, services
from npsapp.responses.models import Response
from npsapp.worker import collecting
from tests.cases.stories import opened
from tests.factories import make_customer, make_interaction, make_invitation, make_source
from tests.races.conftest import count, rows

KYIV = ZoneInfo("Europe/Kyiv")
PER_MINUTE = 10


def kyiv(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KYIV)


@pytest.fixture
def slowly(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten letters a minute, so that a heap would show."""
    monkeypatch.setitem(app.config, "MAIL_PER_MINUTE", PER_MINUTE)


def beat(at: datetime) -> None:
    """One beat of the worker at that moment, with the jobs it makes."""
    with clock.pretend(at), collecting() as run_jobs:
        schedule.record_pulse()
        assert schedule.run_steps(schedule.Beat(), after_each=run_jobs) == []


def queued_before_the_stop(company: SimpleNamespace, stop: datetime) -> None:
    """Thirty people are due, fifteen more next morning; the worker plans, hands over, begins to send, and stops."""
    with transaction():
        source = make_source(company, now=stop - timedelta(days=30))
        for number in range(45):
            happened = stop - timedelta(days=14, hours=1 if number < 30 else -4)
            make_interaction(company, now=stop, source=source, happened_at=happened)
    beat(stop)


def sent_at() -> list[datetime]:
    db.session.rollback()
    asked = select(Message.sent_at).where(Message.sent_at.is_not(None), Message.purpose == Purpose.INVITATION)
    return sorted(at.astimezone(KYIV) for at in db.session.scalars(asked) if at)


@pytest.mark.parametrize(("again", "morning"), [("18T19:30", "19T10:00"), ("20T22:00", "21T10:00")])
def test_after_an_outage_letters_leave_at_their_pace_in_the_sending_hours_and_none_twice(
    company: SimpleNamespace, slowly: None, again: str, morning: str
) -> None:
    stop, back = kyiv("2026-11-18T18:58"), kyiv(f"2026-11-{again}")
    queued_before_the_stop(company, stop)
    before = len(sent_at())

    for minute in range(4):
        beat(back + timedelta(minutes=minute))
    at_night = len(sent_at())
    for minute in range(6):
        beat(kyiv(f"2026-11-{morning}") + timedelta(minutes=minute))

    assert before == at_night <= PER_MINUTE
    times = sent_at()[before:]
    assert len(times) + before == count(Message, Message.purpose == Purpose.INVITATION) == 45
    assert all(10 <= at.hour < 19 for at in times)
    assert max(sum(one <= at < one + timedelta(minutes=1) for at in times) for one in times) <= PER_MINUTE
    assert {one.repeats for one in rows(Message)} == {0}
    assert {one.state for one in rows(Invitation)} == {InvitationState.HANDED_OVER}


def test_a_letter_whose_time_has_passed_meanwhile_does_not_leave(company: SimpleNamespace, slowly: None) -> None:
    """Two kinds: those already at the post office, and those still planned."""
    stop = kyiv("2026-11-18T18:58")
    with transaction():
        source = make_source(company, now=stop - timedelta(days=60))
        almost = stop - timedelta(days=27)  # asked from day 14 to day 28
        for _ in range(PER_MINUTE + 5):
            make_interaction(company, now=stop, source=source, happened_at=almost)
    beat(stop)
    left = len(sent_at())
    with transaction():
        for _ in range(5):
            make_interaction(company, now=stop, source=source, happened_at=almost)

    for at in ("2026-11-20T18:30", "2026-11-20T18:31", "2026-11-21T10:00"):
        beat(kyiv(at))

    assert len(sent_at()) == left == PER_MINUTE
    assert count(Message, Message.state == State.QUEUED) == 0
    held = rows(Invitation, Invitation.state == InvitationState.EXCLUDED)
    assert [one.reason for one in held] == [Reason.TOO_OLD] * 10


def test_clocks_of_cases_leave_the_two_days_out(company: SimpleNamespace) -> None:
    tuesday = kyiv("2026-11-17T16:00")
    beat(tuesday)
    old = opened(company, now=tuesday, score=5)
    due = old.settle_by
    with transaction():
        token = make_invitation(company, now=tuesday).steps[0].token
    said = services.Submission(rules.Said(5, "words"), "uk", True, False, kyiv("2026-11-18T12:00"))
    with transaction():  # the web server went on
        services.answer(queries.link(token), said, now=kyiv("2026-11-18T12:00"))

    beat(kyiv("2026-11-19T16:00"))

    (one, other) = sorted(rows(type(old)), key=lambda case: case.id)
    assert count(Outage) == 1
    assert one.settle_by - due == timedelta(days=2)
    assert other.settle_by == kyiv("2026-11-26T16:00")


def test_one_morning_list_comes_after_two_days_and_none_in_the_afternoon(company: SimpleNamespace) -> None:
    opened(company, now=kyiv("2026-11-17T12:00"), score=5)
    beat(kyiv("2026-11-18T09:00"))

    for at in ("2026-11-20T09:00", "2026-11-20T09:01", "2026-11-20T11:59"):
        beat(kyiv(at))

    lists = rows(StaffLetter, StaffLetter.kind == LetterKind.MORNING)
    assert sorted(one.day for one in lists) == [date(2026, 11, 18), date(2026, 11, 20)]

    beat(kyiv("2026-11-24T12:05"))

    assert count(StaffLetter, StaffLetter.kind == LetterKind.MORNING) == 2


# ---- the edges of months -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-10-31T23:30", date(2026, 10, 31)),
        ("2026-11-01T00:10", date(2026, 11, 1)),
        ("2026-12-31T23:59", date(2026, 12, 31)),
        ("2028-02-29T23:30", date(2028, 2, 29)),
        ("2028-02-28T23:59", date(2028, 2, 28)),
        ("2026-10-25T03:30", date(2026, 10, 25)),
        ("2026-03-29T00:01", date(2026, 3, 29)),
    ],
)
def test_an_answer_counts_in_the_month_of_its_regions_calendar(
    company: SimpleNamespace, moment: str, day: date
) -> None:
    at = kyiv(moment).astimezone(ZoneInfo("UTC"))
    with transaction():
        token = make_invitation(company, now=at).steps[0].token
    with transaction():
        services.answer(queries.link(token), services.Submission(rules.Said(9), "uk", True, False, at), now=at)
    cases_to_look_at = count(Response)

    (answer,) = rows(Response)
    month = period_of("this_month", day)
    next_day = Period(day + timedelta(days=1), day + timedelta(days=1))
    db.session.rollback()
    assert (answer.local_date, cases_to_look_at) == (day, 1)
    assert sum(reports.counted(Selection(period=month)).by_score) == 1
    assert sum(reports.counted(Selection(period=next_day)).by_score) == 0


def test_a_customer_of_another_zone_is_asked_in_the_own_morning_on_both_days_of_the_change(
    company: SimpleNamespace,
) -> None:
    """A region two hours ahead in winter, asked by a company in Kyiv, around both changes of the clock."""
    for day in ("2026-10-25", "2027-03-28"):
        night = kyiv(f"{day}T01:00")
        with transaction():
            customer = make_customer(company, now=night, timezone="Asia/Tbilisi")
            happened = night - timedelta(days=14, hours=5)
            id_ = make_interaction(company, now=night, customer=customer, happened_at=happened).id
        with clock.pretend(night):
            schedule.plan(schedule.Beat())
        (line,) = rows(Invitation, Invitation.interaction_id == id_)
        assert line.send_at.astimezone(ZoneInfo("Asia/Tbilisi")).isoformat() == f"{day}T10:00:00+04:00"


def test_nothing_of_the_tests_above_counts_an_answer_twice(company: SimpleNamespace) -> None:
    """Two beats at the same minute, as after a clock that was set back."""
    case = opened(company, now=kyiv("2026-10-25T03:10"))
    for at in ("2026-10-25T03:59", "2026-10-25T03:00", "2026-10-25T03:59"):
        beat(kyiv(at))

    db.session.rollback()
    assert db.session.scalar(select(func.count(StaffLetter.id)).where(StaffLetter.user_id == case.owner_id)) == 1
    with transaction():
        assert cases.tell_owner(case.owner_id, public_url="x", now=kyiv("2026-10-25T04:00")) is False
