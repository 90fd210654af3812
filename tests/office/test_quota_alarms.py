"""The quota alarm: said once, to administrators and to those who answer for the region."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

from sqlalchemy import select

from npsapp.audit.services import PROGRAM
from npsapp.db import db, transaction
from npsapp.delivery.models import Message
from npsapp.invitations import targets
from npsapp.invitations.quota_models import Quota, QuotaDraw
from npsapp.office import quota_alarms
from tests import factories as make

MONTH = date(2026, 11, 1)
URL = "https://nps.example"


def beat(now: datetime) -> int:
    told = 0
    for survey_id in quota_alarms.waiting(now):
        with transaction():
            told += quota_alarms.tell(survey_id, public_url=URL, now=now)
    return told


def drawn(company: SimpleNamespace, now: datetime, *, attainable: bool) -> None:
    """Both stores want a hundred answers, and today's draw found whether they can be reached."""
    both = (company.units.kyiv, company.units.odesa)
    with transaction() as session:
        for unit in both:
            bought = make.make_interaction(company, now=now, undecided=False, unit_id=unit.id, region_id=unit.region_id)
            make.make_invitation(company, now=now, interaction=bought, sent_at=now - timedelta(days=8))
        wanted = {(unit.id, MONTH): 100 for unit in both}
        targets.set_targets(company.survey, wanted, actor=PROGRAM, now=now)
        for quota in session.scalars(select(Quota)).all():
            for ago, found in ((1, not attainable), (0, attainable)):
                day = (now - timedelta(days=ago)).date()
                numbers = {"pool": 1, "drawn": 1, "rest": 0.0, "share": 1.0}
                session.add(QuotaDraw(quota_id=quota.id, day=day, attainable=found, at=now, **numbers))


def letters() -> dict[str, str]:
    db.session.rollback()
    return {one.to_address: one.body for one in db.session.scalars(select(Message)) if "quotas" in one.body}


def test_a_target_out_of_reach_is_told_once_bundled_by_person(company: SimpleNamespace, now: datetime) -> None:
    drawn(company, now, attainable=False)

    assert beat(now) == 3

    told = letters()
    assert set(told) == {"olena@vodolad.example", "andriy@vodolad.example", "ivan@vodolad.example"}
    assert "Лівий берег" in told["olena@vodolad.example"]
    assert "Порт" in told["olena@vodolad.example"]
    assert "Порт" not in told["andriy@vodolad.example"]
    assert "0 of 100 so far" in told["andriy@vodolad.example"]
    assert "reminder" in told["andriy@vodolad.example"]
    assert beat(now + timedelta(days=1)) == 0


def test_a_target_in_reach_is_told_to_nobody(company: SimpleNamespace, now: datetime) -> None:
    drawn(company, now, attainable=True)

    assert beat(now) == 0
    assert letters() == {}


def test_a_changed_target_may_ring_again(company: SimpleNamespace, now: datetime) -> None:
    drawn(company, now, attainable=False)
    beat(now)
    with transaction():
        targets.set_targets(company.survey, {(company.units.odesa.id, MONTH): 90}, actor=PROGRAM, now=now)

    assert beat(now) == 2
    assert "Лівий берег" not in str(list(letters().values())[-1])


def test_without_a_sender_the_alarm_waits(company: SimpleNamespace, now: datetime) -> None:
    drawn(company, now, attainable=False)
    with transaction() as session:
        session.delete(session.merge(company.sender))

    assert beat(now) == 0
    assert quota_alarms.waiting(now) == [company.survey.id]
